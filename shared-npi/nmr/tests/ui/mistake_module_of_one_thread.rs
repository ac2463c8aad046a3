// SPDX-License-Identifier: MIT OR Apache-2.0

//! The module has state that only one thread may use.

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

struct Wrong(Cell<u32>);

impl Module for Wrong {
    type Role = Provider;
    type Npi = Sample;
    type Binding = ();
    const MODULE_ID: ModuleId = MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics = &CHARACTERISTICS;
    const TABLE: Table<Self> = unsafe { Table::new(&TABLE) };

    fn attach(
        &self,
        _client: &PeerModule<'_, Self>,
        _passive: &PassiveLevel<'_>,
    ) -> Result<()> {
        Ok(())
    }

    fn accepts_dispatch(_binding: &(), _table: &ClientTable) -> bool {
        true
    }
}

fn main() {}
