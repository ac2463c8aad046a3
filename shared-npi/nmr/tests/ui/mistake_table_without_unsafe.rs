// SPDX-License-Identifier: MIT OR Apache-2.0

//! A dispatch table is used for a module, without an assertion that it is that module's.

mod support;

use nmr::irql::PassiveLevel;
use nmr::{Module, ModuleId, PeerModule, Provider, Result, Table};
use support::{CHARACTERISTICS, Characteristics, ClientTable, MODULE_ID, PROVIDER_TABLE, Sample};

struct Wrong;

impl Module for Wrong {
    type Role = Provider;
    type Npi = Sample;
    type Binding = ();
    const MODULE_ID: ModuleId = MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics = &CHARACTERISTICS;
    const TABLE: Table<Self> = Table::new(&PROVIDER_TABLE);

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
