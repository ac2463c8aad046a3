// SPDX-License-Identifier: MIT OR Apache-2.0

//! Upper and lower case, and hashes, of counted strings.

use windows_sys::Win32::Foundation::{
    STATUS_INVALID_PARAMETER, STATUS_NAME_TOO_LONG, STATUS_SUCCESS, UNICODE_STRING,
};

use super::{conversions, strings};
use crate::exports::exports;
use crate::exports::memory::access::set;
use crate::hardware::irql::{APC_LEVEL, DISPATCH_LEVEL, PASSIVE_LEVEL};

exports! {
    "RtlUpcaseUnicodeString" <= PASSIVE_LEVEL => upcase: i32;
    "RtlDowncaseUnicodeString" <= PASSIVE_LEVEL => downcase: i32;
    "RtlUpcaseUnicodeChar" <= APC_LEVEL => upcase_unit: u16;
    "RtlDowncaseUnicodeChar" <= PASSIVE_LEVEL => downcase_unit: u16;
    "RtlHashUnicodeString" <= APC_LEVEL => hash: i32;
    "RtlInitUnicodeStringEx" <= DISPATCH_LEVEL => init_ex: i32;
}

/// A unit in another case, if that is one unit.
fn changed(unit: u16, change: impl Fn(char) -> Option<char>) -> u16 {
    let other = char::from_u32(u32::from(unit)).and_then(change);
    other.map_or(unit, |other| {
        u16::try_from(u32::from(other)).unwrap_or(unit)
    })
}

fn only(mut all: impl Iterator<Item = char>) -> Option<char> {
    let first = all.next();
    first.filter(|_| all.next().is_none())
}

fn upper(unit: u16) -> u16 {
    changed(unit, |it| only(it.to_uppercase()))
}

fn lower(unit: u16) -> u16 {
    changed(unit, |it| only(it.to_lowercase()))
}

/// Stores a string with each unit changed.
///
/// # Safety
///
/// The source is a valid counted string.
unsafe fn store(
    to: usize,
    from: *const UNICODE_STRING,
    allocates: u8,
    change: impl Fn(u16) -> u16,
) -> i32 {
    // SAFETY: the source is valid, by this function's contract.
    let text = unsafe { strings::text(from) };
    let units: Vec<_> = text.encode_utf16().map(change).collect();
    conversions::give(to, &units, units.len(), allocates != 0)
}

unsafe extern "win64" fn upcase(to: usize, from: *const UNICODE_STRING, allocates: u8) -> i32 {
    // SAFETY: this passes on the driver's own arguments, under the same documented contract.
    unsafe { store(to, from, allocates, upper) }
}

unsafe extern "win64" fn downcase(to: usize, from: *const UNICODE_STRING, allocates: u8) -> i32 {
    // SAFETY: this passes on the driver's own arguments, under the same documented contract.
    unsafe { store(to, from, allocates, lower) }
}

unsafe extern "win64" fn upcase_unit(unit: u16) -> u16 {
    upper(unit)
}

unsafe extern "win64" fn downcase_unit(unit: u16) -> u16 {
    lower(unit)
}

unsafe extern "win64" fn hash(
    string: *const UNICODE_STRING,
    ignores_case: u8,
    algorithm: u32,
    value: usize,
) -> i32 {
    /// `HASH_STRING_ALGORITHM_X65599`, and the default, which is the same.
    const FACTOR: u32 = 65599;
    if string.is_null() || value == 0 || algorithm > 1 {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the string is valid, as documented.
    let text = unsafe { strings::text(string) };
    let units = text.encode_utf16();
    let units = units.map(|unit| if ignores_case == 0 { unit } else { upper(unit) });
    let hash = units.fold(0_u32, |all, unit| {
        all.wrapping_mul(FACTOR).wrapping_add(u32::from(unit))
    });
    set(value, hash);
    STATUS_SUCCESS
}

unsafe extern "win64" fn init_ex(string: usize, source: *mut u16) -> i32 {
    /// The longest that a counted string can have, with its zero.
    const MOST: usize = 0x7FFE;
    let length = if source.is_null() {
        0
    } else {
        // SAFETY: the source ends with a zero, as documented.
        unsafe { strings::wide_length(source) }
    };
    if length > MOST {
        return STATUS_NAME_TOO_LONG;
    }
    let bytes = u16::try_from(2 * length).expect("it is not longer");
    let value = UNICODE_STRING {
        Length: bytes,
        MaximumLength: if source.is_null() { 0 } else { bytes + 2 },
        Buffer: source,
    };
    set(string, value);
    STATUS_SUCCESS
}
