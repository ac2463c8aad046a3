// SPDX-License-Identifier: MIT OR Apache-2.0

//! The binding context has state that only one thread may use.

mod support;

use std::cell::Cell;

use nmr::header::Header;
use nmr::irql::PassiveLevel;
use nmr::{Module, ModuleId, PeerModule, Provider, Result, Table};
use support::{CHARACTERISTICS, Characteristics, ClientTable, MODULE_ID, ProviderTable, Sample};

static TABLE: ProviderTable = ProviderTable {
    header: Header::of::<ProviderTable>(1),
    submit: None,
    cancel: None,
    tell: None,
};

struct Wrong;

impl Module for Wrong {
    type Role = Provider;
    type Npi = Sample;
    type Binding = Cell<u32>;
    const MODULE_ID: ModuleId = MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics = &CHARACTERISTICS;
    const TABLE: Table<Self> = unsafe { Table::new(&TABLE) };

    fn attach(
        &self,
        _client: &PeerModule<'_, Self>,
        _passive: &PassiveLevel<'_>,
    ) -> Result<Cell<u32>> {
        Ok(Cell::new(0))
    }

    fn accepts_dispatch(_binding: &Cell<u32>, _table: &ClientTable) -> bool {
        true
    }
}

fn main() {}
