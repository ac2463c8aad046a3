// SPDX-License-Identifier: MIT OR Apache-2.0

//! The part of the C runtime that `ntoskrnl.exe` exports.
//!
//! Functions come in two kinds, for strings of bytes and of UTF-16 units, and are
//! written once for both. A `_s` function that is given too small a buffer answers with
//! its documented error: no document says that the kernel calls a handler for invalid
//! parameters, as the C runtime of programs does.
//!
//! Reference: <https://learn.microsoft.com/cpp/c-runtime-library/>

mod bounded;
mod characters;
mod numbers;
mod print;
mod sorting;
mod strings;

use crate::exports::memory::access::load;
use crate::loader::export::Export;

/// What the files of this folder export.
pub(super) const TABLES: &[&[Export]] = &[
    bounded::EXPORTS,
    characters::EXPORTS,
    numbers::EXPORTS,
    print::EXPORTS,
    sorting::EXPORTS,
    strings::EXPORTS,
];

/// Errors of the C runtime.
const INVALID: i32 = 22;
const TOO_SMALL: i32 = 34;
const TRUNCATED: i32 = 80;

/// `_TRUNCATE`: as much as there is room for.
const TRUNCATE: usize = usize::MAX;

/// A character of a string.
trait Unit: Copy + PartialEq + From<u8> + TryFrom<u16> {
    /// The end of a string.
    const END: Self;

    fn code(self) -> u32;
    fn from_code(code: u32) -> Self;

    /// The same without regard to case.
    fn lower(self) -> Self {
        Self::from_code(characters::lower(self.code()))
    }

    fn upper(self) -> Self {
        Self::from_code(characters::upper(self.code()))
    }
}

impl Unit for u8 {
    const END: Self = 0;

    fn code(self) -> u32 {
        u32::from(self)
    }

    fn from_code(code: u32) -> Self {
        Self::try_from(code).unwrap_or(b'?')
    }

    fn lower(self) -> Self {
        self.to_ascii_lowercase()
    }

    fn upper(self) -> Self {
        self.to_ascii_uppercase()
    }
}

impl Unit for u16 {
    const END: Self = 0;

    fn code(self) -> u32 {
        u32::from(self)
    }

    fn from_code(code: u32) -> Self {
        Self::try_from(code).unwrap_or(0xFFFD)
    }
}

/// The length of a string, of which no more than `most` units are looked at.
///
/// # Safety
///
/// It ends with a zero, or has that number of units.
unsafe fn length<U: Unit>(string: *const U, most: usize) -> usize {
    let mut length = 0;
    // SAFETY: nothing is read beyond the zero, or `most`.
    while length < most && unsafe { load(string.wrapping_add(length)) } != U::END {
        length += 1;
    }
    length
}
