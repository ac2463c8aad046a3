// SPDX-License-Identifier: MIT OR Apache-2.0

//! Strings: counted UTF-16 strings, and strings that end with a zero.

use std::slice;

use windows_sys::Win32::Foundation::UNICODE_STRING;

use crate::exports::exports;
use crate::exports::memory::access::set;
use crate::hardware::irql::{DISPATCH_LEVEL, HIGH_LEVEL, PASSIVE_LEVEL};
use crate::objects::names::fold;

exports! {
    "RtlInitUnicodeString" <= DISPATCH_LEVEL => rtl_init_unicode_string: ();
    "RtlCopyUnicodeString" <= HIGH_LEVEL => rtl_copy_unicode_string: ();
    "RtlEqualUnicodeString" <= PASSIVE_LEVEL => rtl_equal_unicode_string: u8;
}

/// The text of a counted string.
///
/// # Safety
///
/// It is null or a valid counted string.
pub(crate) unsafe fn text(string: *const UNICODE_STRING) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: it is null or a valid counted string, by this function's
    // contract.
    let string = unsafe { &*string };
    if string.Buffer.is_null() {
        return String::new();
    }
    // SAFETY: it is null or a valid counted string, by this function's
    // contract.
    let units = unsafe { slice::from_raw_parts(string.Buffer, usize::from(string.Length / 2)) };
    String::from_utf16_lossy(units)
}

/// The text of a string that ends with a zero.
///
/// # Safety
///
/// It is null or ends with a zero.
pub(crate) unsafe fn wide_text(string: *const u16) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: it is null or ends with a zero, by this function's contract.
    String::from_utf16_lossy(unsafe { slice::from_raw_parts(string, wide_length(string)) })
}

/// Writes a counted string to `at`, followed by its text and a terminating zero.
pub(in crate::exports) fn write_counted(at: usize, units: &[u16]) {
    let text = at + size_of::<UNICODE_STRING>();
    for (index, unit) in units.iter().enumerate() {
        set(text + 2 * index, *unit);
    }
    let length = u16::try_from(2 * (units.len() - 1)).expect("it is short");
    let string = UNICODE_STRING {
        Length: length,
        MaximumLength: length + 2,
        Buffer: text as *mut u16,
    };
    set(at, string);
}

/// # Safety
///
/// The string ends with a zero.
pub(in crate::exports) unsafe fn wide_length(string: *const u16) -> usize {
    let mut length = 0;
    // SAFETY: nothing is read beyond the zero.
    while unsafe { string.add(length).read() } != 0 {
        length += 1;
    }
    length
}

unsafe extern "win64" fn rtl_init_unicode_string(string: *mut UNICODE_STRING, source: *mut u16) {
    let length = if source.is_null() {
        0
    } else {
        // SAFETY: the source ends with a zero, as documented.
        unsafe { wide_length(source) }.min(0x7FFE)
    };
    let bytes = u16::try_from(length * 2).expect("cut to fit");
    let value = UNICODE_STRING {
        Length: bytes,
        MaximumLength: if source.is_null() { 0 } else { bytes + 2 },
        Buffer: source,
    };
    // SAFETY: the caller's structure is writable, as documented.
    unsafe { string.write(value) };
}

unsafe extern "win64" fn rtl_copy_unicode_string(
    to: *mut UNICODE_STRING,
    from: *const UNICODE_STRING,
) {
    // SAFETY: the caller's structure is valid, as documented.
    let to = unsafe { &mut *to };
    if from.is_null() {
        to.Length = 0;
        return;
    }
    // SAFETY: the caller's structure is valid, as documented.
    let from = unsafe { &*from };
    to.Length = from.Length.min(to.MaximumLength);
    // SAFETY: both buffers have that many bytes.
    unsafe { to.Buffer.copy_from(from.Buffer, usize::from(to.Length / 2)) };
}

unsafe extern "win64" fn rtl_equal_unicode_string(
    left: *const UNICODE_STRING,
    right: *const UNICODE_STRING,
    ignore_case: u8,
) -> u8 {
    // SAFETY: the strings are valid, as documented.
    let (left, right) = unsafe { (text(left), text(right)) };
    u8::from(if ignore_case == 0 {
        left == right
    } else {
        fold(&left) == fold(&right)
    })
}
