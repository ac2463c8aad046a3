// SPDX-License-Identifier: MIT OR Apache-2.0

//! A module owns the registration of another module.

mod support;

use nmr::header::Header;
use nmr::irql::PassiveLevel;
use nmr::{Module, ModuleId, PeerModule, Provider, Result, Table, Registration};
use support::{CHARACTERISTICS, Characteristics, ClientTable, MODULE_ID, ProviderTable, Sample, Server};

static TABLE: ProviderTable = ProviderTable {
    header: Header::of::<ProviderTable>(1),
    submit: None,
    cancel: None,
    tell: None,
};

struct Wrong(Registration<Server>);

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
