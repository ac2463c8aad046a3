// SPDX-License-Identifier: MIT OR Apache-2.0

//! Images of drivers in memory.

use crate::system::RtlPcToFileHeader;

/// The base of the image that has `code`, 0 if none has.
#[must_use]
pub fn base_of(code: usize) -> usize {
    let mut base = 0;
    // SAFETY: the place may be written, and nothing is read at the address.
    unsafe { RtlPcToFileHeader(code, &raw mut base) };
    base
}
