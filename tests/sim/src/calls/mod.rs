// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls between modules: each passes a thunk, which checks and counts it.

pub(crate) mod table_functions;
pub(crate) mod thunk;
mod trace;
mod vectors;

use crate::kernel::State;
use crate::loader::drivers::DriverId;
use crate::loader::export::Export;
use crate::memory::variables::variable;

/// The address at which a driver finds an export.
pub(crate) fn bind(state: &mut State, driver: DriverId, export: &'static Export) -> usize {
    if export.is_variable() {
        variable(state, export.name)
    } else if export.is_bare() {
        export.address()
    } else {
        state.calls.import(driver, export)
    }
}
