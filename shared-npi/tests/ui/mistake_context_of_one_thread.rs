// SPDX-License-Identifier: MIT OR Apache-2.0

//! The binding context has state that only one thread may touch.

mod support;

use std::cell::Cell;

use nmr::Result;
use shared_npi::echo::{Characteristics, ClientDispatch, Echo, ProviderDispatch};
use nmr::abi::NPI_MODULEID;
use nmr::irql::PassiveLevel;
use nmr::{Module, PeerModule, Provider};
use support::Sample;

struct Counting;

impl Module for Counting {
    type Role = Provider;
    type Npi = Echo;
    type Binding = Cell<u32>;
    const MODULE_ID: NPI_MODULEID = Sample::MODULE_ID;
    const CHARACTERISTICS: &'static Characteristics = Sample::CHARACTERISTICS;
    const DISPATCH: &'static ProviderDispatch = Sample::DISPATCH;

    fn attach(
        &self,
        _client: &PeerModule<'_, Self>,
        _passive: &PassiveLevel<'_>,
    ) -> Result<Cell<u32>> {
        Ok(Cell::new(0))
    }

    fn usable(_binding: &Cell<u32>, _table: &ClientDispatch) -> bool {
        true
    }
}

fn main() {}
