// SPDX-License-Identifier: MIT OR Apache-2.0

//! A module keeps its peer's characteristics beyond the attach callback.

mod support;

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
    type Binding = &'static Characteristics;
    const MODULE_ID: ModuleId = MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics = &CHARACTERISTICS;
    const TABLE: Table<Self> = unsafe { Table::new(&TABLE) };

    fn attach(
        &self,
        _client: &PeerModule<'_, Self>,
        _passive: &PassiveLevel<'_>,
    ) -> Result<&'static Characteristics> {
        _client.characteristics()
    }

    fn accepts_dispatch(_binding: &&'static Characteristics, _table: &ClientTable) -> bool {
        true
    }
}

fn main() {}
