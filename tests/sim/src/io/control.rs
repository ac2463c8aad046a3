// SPDX-License-Identifier: MIT OR Apache-2.0

//! The control interface of this project's drivers, as their programs use it.
//!
//! Other drivers refuse these codes, or give them a meaning of their own.

use nmr::abi::struct_size;
use nmr::header::Header;
use rand::{Rng, RngExt};
use scenarios::control::{self, header};
use shared_npi::control::TELEMETRY;
use wdm::control::{
    HOLD_UNLOAD, LIST_BINDINGS, QUERY_STATUS, RELEASE_UNLOAD, SWITCH_SUBCOMPONENT, VERSION,
};

use crate::io::requests::ProgramRequest;
use crate::kernel::State;

/// All codes.
pub(crate) const CODES: [u32; 5] = [
    QUERY_STATUS,
    LIST_BINDINGS,
    SWITCH_SUBCOMPONENT,
    HOLD_UNLOAD,
    RELEASE_UNLOAD,
];

/// Asks for the driver's status.
pub(crate) fn query() -> ProgramRequest {
    ProgramRequest::control(QUERY_STATUS, Vec::new(), 64)
}

/// Asks for the list of bindings, of which some fit.
pub(crate) fn list() -> ProgramRequest {
    ProgramRequest::control(LIST_BINDINGS, Vec::new(), 256)
}

/// The requests that the driver must refuse, through a file without holds.
pub(crate) fn refused() -> impl Iterator<Item = ProgramRequest> {
    let all = control::refused_requests().into_iter();
    all.map(|it| ProgramRequest::control(it.code, it.input, it.output_length))
}

/// Forbids to unload the driver.
pub(crate) fn hold() -> ProgramRequest {
    ProgramRequest::control(HOLD_UNLOAD, header(struct_size::<Header>(), VERSION), 0)
}

/// Allows it again.
pub(crate) fn release() -> ProgramRequest {
    ProgramRequest::control(RELEASE_UNLOAD, header(struct_size::<Header>(), VERSION), 0)
}

/// Switches the driver's second module on or off.
pub(crate) fn switch(on: bool) -> ProgramRequest {
    let input = control::switch(TELEMETRY, on.into());
    ProgramRequest::control(SWITCH_SUBCOMPONENT, input, 0)
}

/// A request that the drivers understand.
pub(crate) fn draw(random: &mut impl Rng) -> ProgramRequest {
    /// Room for some bindings.
    const LIST: usize = 256;
    match random.random_range(0..5) {
        0 => query(),
        1 => ProgramRequest::control(LIST_BINDINGS, Vec::new(), random.random_range(0..LIST)),
        2 => hold(),
        3 => release(),
        _ => switch(random.random()),
    }
}

/// Counts what a request has come to.
pub(crate) fn count(state: &mut State, code: u32, status: i32) {
    state.counts.subcomponent_switches += u64::from(code == SWITCH_SUBCOMPONENT && status >= 0);
}
