// SPDX-License-Identifier: MIT OR Apache-2.0

//! A dispatch table states version 0: every peer would refuse it.

mod support;

use nmr::header::Header;
use nmr::irql::PassiveLevel;
use nmr::{Module, ModuleId, PeerModule, Provider, Result, Table, Loading};
use support::{CHARACTERISTICS, Characteristics, ClientTable, MODULE_ID, ProviderTable, Sample};

static TABLE: ProviderTable = ProviderTable {
    header: Header {
        size: size_of::<ProviderTable>() as u16,
        version: 0,
        flags: 0,
    },
    submit: None,
    cancel: None,
    tell: None,
};

struct Wrong;

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

fn main() {
    // The assertion is made where the module is registered.
    let loading = unsafe { Loading::assume() };
    let _ = loading.register(Wrong);
}
