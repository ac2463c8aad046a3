// SPDX-License-Identifier: MIT OR Apache-2.0

//! Requests that no program in its senses sends: any function, any method, any
//! length, any bytes.
//!
//! A driver must refuse what it does not know, whatever comes with it, and must
//! not read or write more than there is.

use rand::{Rng, RngExt};
use windows_sys::Wdk::System::SystemServices::{
    IRP_MJ_DEVICE_CONTROL, IRP_MJ_FLUSH_BUFFERS, IRP_MJ_QUERY_INFORMATION, IRP_MJ_READ,
    IRP_MJ_WRITE,
};

use crate::io::control;
use crate::io::requests::ProgramRequest;

/// A control code for devices of no documented type.
pub(crate) const fn code(function: u32, method: u32, access: u32) -> u32 {
    /// `FILE_DEVICE_UNKNOWN`.
    const UNKNOWN: u32 = 0x22;
    /// The first function that is not Microsoft's.
    const FIRST: u32 = 0x800;
    UNKNOWN << 16 | access << 14 | (FIRST + function) << 2 | method
}

/// The functions that drivers are likely to have.
const FUNCTIONS: u32 = 8;

/// Draws one.
pub(crate) fn draw(random: &mut impl Rng) -> ProgramRequest {
    const OTHERS: [u32; 4] = [
        IRP_MJ_READ,
        IRP_MJ_WRITE,
        IRP_MJ_QUERY_INFORMATION,
        IRP_MJ_FLUSH_BUFFERS,
    ];
    let major = if random.random_ratio(1, 8) {
        OTHERS[random.random_range(0..OTHERS.len())]
    } else {
        IRP_MJ_DEVICE_CONTROL
    };
    let code = if random.random_ratio(1, 8) {
        random.random()
    } else {
        likely(random)
    };
    let mut input = vec![0; length(random)];
    match random.random_range(0..3) {
        0 => {}
        1 => random.fill(&mut input[..]),
        // It claims to be whole, and of some version.
        _ => {
            let size = u16::try_from(input.len()).unwrap_or(u16::MAX);
            let claim = [size, random.random_range(0..3)].map(u16::to_le_bytes);
            let claim = claim.as_flattened();
            let most = claim.len().min(input.len());
            input[..most].copy_from_slice(&claim[..most]);
        }
    }
    ProgramRequest {
        major,
        code,
        input,
        output_length: length(random),
    }
}

/// A code that some driver may have; any access and `METHOD_BUFFERED` are what is
/// believed most.
fn likely(random: &mut impl Rng) -> u32 {
    if random.random() {
        return control::CODES[random.random_range(0..control::CODES.len())];
    }
    let mut often = |most| {
        if random.random() {
            0
        } else {
            random.random_range(0..=most)
        }
    };
    let (method, access) = (often(3), often(3));
    code(random.random_range(0..FUNCTIONS), method, access)
}

/// Often none, or not quite enough for what a driver expects.
fn length(random: &mut impl Rng) -> usize {
    match random.random_range(0..8) {
        0 | 1 => 0,
        2..=5 => random.random_range(1..=48),
        6 => random.random_range(1..=0x400),
        _ => random.random_range(1..=0x4000),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use scenarios::stream;

    use super::*;

    #[test]
    fn every_method_and_every_kind_of_length_comes_up() {
        let mut random = stream(1, 1, 1);
        let drawn: Vec<_> = (0..2000).map(|_| draw(&mut random)).collect();
        let methods: BTreeSet<_> = drawn.iter().map(|message| message.code & 3).collect();
        assert_eq!(methods.len(), 4);
        let majors: BTreeSet<_> = drawn.iter().map(|message| message.major).collect();
        assert_eq!(majors.len(), 5);
        for length in [0, 1, 47] {
            let inputs = drawn.iter().any(|message| message.input.len() == length);
            let outputs = drawn.iter().any(|message| message.output_length == length);
            assert!(inputs && outputs, "{length}");
        }
    }

    #[test]
    fn codes_are_those_of_the_headers() {
        // `CTL_CODE(FILE_DEVICE_UNKNOWN, 0x801, METHOD_NEITHER, FILE_READ_ACCESS)`
        assert_eq!(code(1, 3, 1), 0x0022_6007);
    }
}
