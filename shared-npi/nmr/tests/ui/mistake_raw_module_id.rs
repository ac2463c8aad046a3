// SPDX-License-Identifier: MIT OR Apache-2.0

//! A module's identity is a structure that is filled in by hand.

mod support;

use nmr::abi::{LUID, MIT_GUID, NPI_MODULEID, NPI_MODULEID_VALUE};
use nmr::header::Header;
use nmr::irql::PassiveLevel;
use nmr::{Module, PeerModule, Provider, Result, Table};
use support::{CHARACTERISTICS, Characteristics, ClientTable, ProviderTable, Sample};

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
    type Binding = ();
    const MODULE_ID: NPI_MODULEID = NPI_MODULEID {
        Length: 65535,
        Type: MIT_GUID,
        Value: NPI_MODULEID_VALUE {
            IfLuid: LUID {
                LowPart: 1,
                HighPart: 0,
            },
        },
    };
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
