// SPDX-License-Identifier: MIT OR Apache-2.0

//! Numbers from strings, and strings from numbers.

use super::{INVALID, TOO_SMALL, Unit, characters};
use crate::exports::exports;
use crate::exports::memory::access::{self, load, store};
use crate::hardware::irql::HIGH_LEVEL;

exports! {
    "atoi" <= HIGH_LEVEL => signed::<u8>: i32;
    "atol" <= HIGH_LEVEL => signed::<u8>: i32;
    "_wtoi" <= HIGH_LEVEL => signed::<u16>: i32;
    "_wtol" <= HIGH_LEVEL => signed::<u16>: i32;
    "_atoi64" <= HIGH_LEVEL => signed_long::<u8>: i64;
    "_wtoi64" <= HIGH_LEVEL => signed_long::<u16>: i64;
    "strtol" <= HIGH_LEVEL => parse_signed::<u8>: i32;
    "wcstol" <= HIGH_LEVEL => parse_signed::<u16>: i32;
    "strtoul" <= HIGH_LEVEL => parse_unsigned::<u8>: u32;
    "wcstoul" <= HIGH_LEVEL => parse_unsigned::<u16>: u32;
    "_strtoui64" <= HIGH_LEVEL => parse_unsigned_long::<u8>: u64;
    "_wcstoui64" <= HIGH_LEVEL => parse_unsigned_long::<u16>: u64;
    "_itoa" <= HIGH_LEVEL => show_signed::<u8>: usize;
    "_itow" <= HIGH_LEVEL => show_signed::<u16>: usize;
    "_itoa_s" <= HIGH_LEVEL => show_signed_within::<u8>: i32;
    "_itow_s" <= HIGH_LEVEL => show_signed_within::<u16>: i32;
    "_ultoa_s" <= HIGH_LEVEL => show_unsigned_within::<u8>: i32;
    "_ultow_s" <= HIGH_LEVEL => show_unsigned_within::<u16>: i32;
    "_i64toa_s" <= HIGH_LEVEL => show_long_within::<u8>: i32;
    "_i64tow_s" <= HIGH_LEVEL => show_long_within::<u16>: i32;
    "_ui64toa_s" <= HIGH_LEVEL => show_unsigned_long_within::<u8>: i32;
    "_ui64tow_s" <= HIGH_LEVEL => show_unsigned_long_within::<u16>: i32;
}

/// A number at the start of a string.
struct Parsed {
    negative: bool,
    /// `u64::MAX` if it is larger.
    magnitude: u64,
    /// The units that it takes; 0 if there is none.
    length: usize,
}

/// Reads a number; its base is that of its prefix if `base` is 0.
///
/// # Safety
///
/// The string ends with a zero.
unsafe fn parse<U: Unit>(string: *const U, mut base: u32) -> Parsed {
    // SAFETY: the string ends with a zero, beyond which nothing is asked for.
    let code = |at: usize| unsafe { load(string.wrapping_add(at)) }.code();
    let is = |at: usize, wanted: u8| characters::lower(code(at)) == u32::from(wanted);
    let mut at = 0;
    while matches!(code(at), 9..=13 | 32) {
        at += 1;
    }
    let negative = is(at, b'-');
    if negative || is(at, b'+') {
        at += 1;
    }
    let digit = |at: usize, base: u32| char::from_u32(code(at)).and_then(|it| it.to_digit(base));
    if matches!(base, 0 | 16) && is(at, b'0') && is(at + 1, b'x') && digit(at + 2, 16).is_some() {
        at += 2;
        base = 16;
    }
    if base == 0 {
        base = if is(at, b'0') { 8 } else { 10 };
    }
    let mut magnitude = 0_u64;
    let mut length = 0;
    if (2..=36).contains(&base) {
        while let Some(next) = digit(at, base) {
            let more = magnitude.checked_mul(u64::from(base));
            let more = more.and_then(|it| it.checked_add(u64::from(next)));
            magnitude = more.unwrap_or(u64::MAX);
            at += 1;
            length = at;
        }
    }
    Parsed {
        negative,
        magnitude,
        length,
    }
}

impl Parsed {
    /// The value, cut to what the type has.
    fn signed(&self, most: u64) -> i64 {
        let magnitude = self.magnitude.min(most + u64::from(self.negative));
        let value = magnitude.cast_signed();
        if self.negative {
            value.wrapping_neg()
        } else {
            value
        }
    }
}

const LONG_MAX: u64 = 0x7FFF_FFFF;
const INT64_MAX: u64 = i64::MAX.cast_unsigned();

fn as_int(value: i64) -> i32 {
    i32::try_from(value).expect("it was cut to 32 bits")
}

unsafe extern "win64" fn signed<U: Unit>(string: *const U) -> i32 {
    // SAFETY: it ends with a zero, as documented.
    as_int(unsafe { parse(string, 10) }.signed(LONG_MAX))
}

unsafe extern "win64" fn signed_long<U: Unit>(string: *const U) -> i64 {
    // SAFETY: it ends with a zero, as documented.
    unsafe { parse(string, 10) }.signed(INT64_MAX)
}

/// Parses, and writes where the number ends.
///
/// # Safety
///
/// The string ends with a zero; `end` is null or may be written.
unsafe fn parse_to<U: Unit>(string: *const U, end: *mut *const U, base: i32) -> Parsed {
    // SAFETY: it ends with a zero, by this function's contract.
    let parsed = unsafe { parse(string, base.cast_unsigned()) };
    if !end.is_null() {
        // SAFETY: it may be written, by this function's contract.
        unsafe { store(end, string.wrapping_add(parsed.length)) };
    }
    parsed
}

unsafe extern "win64" fn parse_signed<U: Unit>(
    string: *const U,
    end: *mut *const U,
    base: i32,
) -> i32 {
    // SAFETY: this passes on the driver's own arguments, under the same documented
    // contract.
    as_int(unsafe { parse_to(string, end, base) }.signed(LONG_MAX))
}

unsafe extern "win64" fn parse_unsigned<U: Unit>(
    string: *const U,
    end: *mut *const U,
    base: i32,
) -> u32 {
    // SAFETY: this passes on the driver's own arguments, under the same documented
    // contract.
    let parsed = unsafe { parse_to(string, end, base) };
    match u32::try_from(parsed.magnitude) {
        Ok(value) if parsed.negative => value.wrapping_neg(),
        Ok(value) => value,
        Err(_) => u32::MAX,
    }
}

unsafe extern "win64" fn parse_unsigned_long<U: Unit>(
    string: *const U,
    end: *mut *const U,
    base: i32,
) -> u64 {
    // SAFETY: this passes on the driver's own arguments, under the same documented
    // contract.
    let parsed = unsafe { parse_to(string, end, base) };
    if parsed.negative {
        parsed.magnitude.wrapping_neg()
    } else {
        parsed.magnitude
    }
}

/// The digits of a number, with a sign before them.
fn digits<U: Unit>(negative: bool, mut magnitude: u64, base: u32) -> Vec<U> {
    let mut all = Vec::new();
    loop {
        let digit = u32::try_from(magnitude % u64::from(base)).expect("it is below 36");
        let digit = char::from_digit(digit, base).expect("it is below its base");
        all.push(U::from_code(u32::from(digit)));
        magnitude /= u64::from(base);
        if magnitude == 0 {
            break;
        }
    }
    if negative {
        all.push(U::from_code(u32::from(b'-')));
    }
    all.reverse();
    all
}

/// Writes a number and a zero to a buffer of `size` units.
///
/// # Safety
///
/// The buffer has that number of units.
unsafe fn show<U: Unit>(to: *mut U, size: usize, negative: bool, magnitude: u64, base: i32) -> i32 {
    if to.is_null() || size == 0 {
        return INVALID;
    }
    // SAFETY: the buffer has a unit.
    unsafe { store(to, U::END) };
    let base = base.cast_unsigned();
    if !(2..=36).contains(&base) {
        return INVALID;
    }
    let digits = digits::<U>(negative, magnitude, base);
    if digits.len() >= size {
        return TOO_SMALL;
    }
    // SAFETY: the buffer has room for them and a zero.
    unsafe { access::copy(digits.as_ptr(), to, digits.len()) };
    // SAFETY: as above.
    unsafe { store(to.wrapping_add(digits.len()), U::END) };
    0
}

/// The sign and the magnitude in a base: only decimal numbers have a sign.
fn split(value: i64, bits: u64, base: i32) -> (bool, u64) {
    if base == 10 {
        (value < 0, value.unsigned_abs())
    } else {
        (false, value.cast_unsigned() & bits)
    }
}

const INT_BITS: u64 = 0xFFFF_FFFF;

unsafe extern "win64" fn show_signed<U: Unit>(value: i32, to: *mut U, base: i32) -> usize {
    let (negative, magnitude) = split(i64::from(value), INT_BITS, base);
    // SAFETY: there is room for any number, as documented.
    unsafe { show(to, usize::MAX, negative, magnitude, base) };
    to.addr()
}

unsafe extern "win64" fn show_signed_within<U: Unit>(
    value: i32,
    to: *mut U,
    size: usize,
    base: i32,
) -> i32 {
    let (negative, magnitude) = split(i64::from(value), INT_BITS, base);
    // SAFETY: the buffer has its size, as documented.
    unsafe { show(to, size, negative, magnitude, base) }
}

unsafe extern "win64" fn show_unsigned_within<U: Unit>(
    value: u32,
    to: *mut U,
    size: usize,
    base: i32,
) -> i32 {
    // SAFETY: the buffer has its size, as documented.
    unsafe { show(to, size, false, u64::from(value), base) }
}

unsafe extern "win64" fn show_long_within<U: Unit>(
    value: i64,
    to: *mut U,
    size: usize,
    base: i32,
) -> i32 {
    let (negative, magnitude) = split(value, u64::MAX, base);
    // SAFETY: the buffer has its size, as documented.
    unsafe { show(to, size, negative, magnitude, base) }
}

unsafe extern "win64" fn show_unsigned_long_within<U: Unit>(
    value: u64,
    to: *mut U,
    size: usize,
    base: i32,
) -> i32 {
    // SAFETY: the buffer has its size, as documented.
    unsafe { show(to, size, false, value, base) }
}
