// SPDX-License-Identifier: MIT OR Apache-2.0

//! Loaded images of drivers.

use crate::system::RtlPcToFileHeader;

/// The base of the image that contains `code`; 0 if there is none.
#[must_use]
pub fn base_of(code: usize) -> usize {
    let mut base = 0;
    // SAFETY: `base` is writable; the function only compares the address `code`.
    unsafe { RtlPcToFileHeader(code, &raw mut base) };
    base
}
