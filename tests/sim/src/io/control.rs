// SPDX-License-Identifier: MIT OR Apache-2.0

//! The control interface of this project's drivers, as their programs use it.
//!
//! Other drivers refuse these codes, or give them a meaning of their own.

use nmr::header::Header;
use rand::{Rng, RngExt};
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

/// A header and these numbers.
fn structure(numbers: &[u32]) -> Vec<u8> {
    let size = size_of::<Header>() + size_of_val(numbers);
    let size = u16::try_from(size).expect("it is small");
    let flags = [0; 4];
    let mut bytes = [&size.to_le_bytes()[..], &VERSION.to_le_bytes(), &flags].concat();
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    bytes
}

/// Forbids to unload the driver.
pub(crate) fn hold() -> ProgramRequest {
    ProgramRequest::control(HOLD_UNLOAD, structure(&[]), 0)
}

/// Allows it again.
pub(crate) fn release() -> ProgramRequest {
    ProgramRequest::control(RELEASE_UNLOAD, structure(&[]), 0)
}

/// Switches the driver's second module on or off.
pub(crate) fn switch(on: bool) -> ProgramRequest {
    let input = structure(&[TELEMETRY, u32::from(on)]);
    ProgramRequest::control(SWITCH_SUBCOMPONENT, input, 0)
}

/// A request that the drivers understand.
pub(crate) fn draw(random: &mut impl Rng) -> ProgramRequest {
    /// Room for some bindings.
    const LIST: usize = 256;
    match random.random_range(0..5) {
        0 => ProgramRequest::control(QUERY_STATUS, Vec::new(), 64),
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
