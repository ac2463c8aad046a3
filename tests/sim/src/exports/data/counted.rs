// SPDX-License-Identifier: MIT OR Apache-2.0

//! Counted strings: comparing and joining them.

use std::slice;

use windows_sys::Win32::Foundation::{STATUS_BUFFER_TOO_SMALL, STATUS_SUCCESS, UNICODE_STRING};

use crate::exports::data::strings;
use crate::exports::exports;
use crate::exports::memory::access::get;
use crate::hardware::irql::{DISPATCH_LEVEL, HIGH_LEVEL, PASSIVE_LEVEL};
use crate::objects::names::fold;

exports! {
    "RtlCompareUnicodeString" <= PASSIVE_LEVEL => compare: i32;
    "RtlPrefixUnicodeString" <= PASSIVE_LEVEL => prefix: u8;
    "RtlAppendUnicodeStringToString" <= HIGH_LEVEL => append_counted: i32;
    "RtlAppendUnicodeToString" <= HIGH_LEVEL => append: i32;
    "RtlEqualString" <= PASSIVE_LEVEL => equal_narrow: u8;
    "RtlCompareString" <= PASSIVE_LEVEL => compare_narrow: i32;
    "RtlInitAnsiString" <= DISPATCH_LEVEL => init_narrow: ();
    "RtlInitString" <= DISPATCH_LEVEL => init_narrow: ();
}

/// `ANSI_STRING`.
#[repr(C)]
pub(super) struct NarrowString {
    pub(super) length: u16,
    pub(super) maximum: u16,
    pub(super) buffer: *const u8,
}

const _: () = assert!(size_of::<NarrowString>() == size_of::<UNICODE_STRING>());

/// The UTF-16 units of a string, in one case if case is to be ignored.
///
/// # Safety
///
/// It is a valid counted string.
unsafe fn units(string: *const UNICODE_STRING, ignore_case: u8) -> Vec<u16> {
    // SAFETY: it is a valid counted string, by this function's contract.
    let text = unsafe { strings::text(string) };
    let text = if ignore_case == 0 { text } else { fold(&text) };
    text.encode_utf16().collect()
}

/// Negative, zero or positive, like the first difference.
unsafe extern "win64" fn compare(
    left: *const UNICODE_STRING,
    right: *const UNICODE_STRING,
    ignore_case: u8,
) -> i32 {
    // SAFETY: the strings are valid, as documented.
    let (left, right) = unsafe { (units(left, ignore_case), units(right, ignore_case)) };
    left.cmp(&right) as i32
}

/// The bytes of a string, in one case if case is to be ignored.
///
/// # Safety
///
/// It is a valid counted string.
unsafe fn bytes(string: *const NarrowString, ignore_case: u8) -> Vec<u8> {
    // SAFETY: it is a valid counted string, by this function's contract.
    let string = unsafe { &*string };
    let at = string.buffer.addr();
    let bytes = (0..usize::from(string.length)).map(|index| get::<u8>(at + index));
    if ignore_case == 0 {
        bytes.collect()
    } else {
        bytes.map(|byte| byte.to_ascii_uppercase()).collect()
    }
}

/// Negative, zero or positive, like the first difference.
unsafe extern "win64" fn compare_narrow(
    left: *const NarrowString,
    right: *const NarrowString,
    ignore_case: u8,
) -> i32 {
    // SAFETY: the strings are valid, as documented.
    let (left, right) = unsafe { (bytes(left, ignore_case), bytes(right, ignore_case)) };
    left.cmp(&right) as i32
}

unsafe extern "win64" fn equal_narrow(
    left: *const NarrowString,
    right: *const NarrowString,
    ignore_case: u8,
) -> u8 {
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    u8::from(unsafe { compare_narrow(left, right, ignore_case) } == 0)
}

unsafe extern "win64" fn prefix(
    start: *const UNICODE_STRING,
    string: *const UNICODE_STRING,
    ignore_case: u8,
) -> u8 {
    // SAFETY: the strings are valid, as documented.
    let (start, whole) = unsafe { (units(start, ignore_case), units(string, ignore_case)) };
    u8::from(whole.starts_with(&start))
}

unsafe extern "win64" fn append_counted(
    to: *mut UNICODE_STRING,
    from: *const UNICODE_STRING,
) -> i32 {
    // SAFETY: the string is valid, as documented.
    let from = unsafe { &*from };
    if from.Length == 0 {
        return STATUS_SUCCESS;
    }
    // SAFETY: the string is valid, as documented.
    let units = unsafe { slice::from_raw_parts(from.Buffer, usize::from(from.Length / 2)) };
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { join(to, units) }
}

unsafe extern "win64" fn append(to: *mut UNICODE_STRING, from: *mut u16) -> i32 {
    if from.is_null() {
        return STATUS_SUCCESS;
    }
    // SAFETY: the source ends with a zero, as documented.
    let units = unsafe { slice::from_raw_parts(from, strings::wide_length(from)) };
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { join(to, units) }
}

/// Adds `units` to a string, and a zero if there is room for it.
///
/// # Safety
///
/// The string is valid and may be written as far as its maximum.
unsafe fn join(to: *mut UNICODE_STRING, units: &[u16]) -> i32 {
    // SAFETY: the string is valid and may be written as far as its maximum, by
    // this function's contract.
    let to = unsafe { &mut *to };
    let (length, room) = (
        usize::from(to.Length / 2),
        usize::from(to.MaximumLength / 2),
    );
    let end = length + units.len();
    if end > room {
        return STATUS_BUFFER_TOO_SMALL;
    }
    // SAFETY: there is room for all of them.
    unsafe { to.Buffer.add(length).copy_from(units.as_ptr(), units.len()) };
    if end < room {
        // SAFETY: there is room for one more.
        unsafe { to.Buffer.add(end).write(0) };
    }
    to.Length = u16::try_from(end * 2).expect("no more than the maximum");
    STATUS_SUCCESS
}

unsafe extern "win64" fn init_narrow(string: *mut NarrowString, source: *const u8) {
    /// One less than what a string can have with its zero.
    const MOST: usize = 0xFFFE;
    let length = if source.is_null() {
        None
    } else {
        // SAFETY: nothing is read beyond the zero, with which it ends, as
        // documented.
        (0..MOST)
            .find(|&at| unsafe { source.add(at).read() } == 0)
            .or(Some(MOST))
    };
    let length = length.map(|length| u16::try_from(length).expect("cut to fit"));
    let value = NarrowString {
        length: length.unwrap_or_default(),
        maximum: length.map_or(0, |length| length + 1),
        buffer: source,
    };
    // SAFETY: the caller's structure is writable, as documented.
    unsafe { string.write(value) };
}
