// SPDX-License-Identifier: MIT OR Apache-2.0

//! Strings that end with a zero: their lengths, comparing, searching, copying.

use super::{Unit, length};
use crate::exports::exports;
use crate::exports::memory::access::{self, load, store};
use crate::hardware::irql::HIGH_LEVEL;
use std::cmp::Ordering;

exports! {
    "strlen" <= HIGH_LEVEL => count::<u8>: usize;
    "wcslen" <= HIGH_LEVEL => count::<u16>: usize;
    "strnlen" <= HIGH_LEVEL => count_within::<u8>: usize;
    "wcsnlen" <= HIGH_LEVEL => count_within::<u16>: usize;
    "strcmp" <= HIGH_LEVEL => compare::<u8>: i32;
    "wcscmp" <= HIGH_LEVEL => compare::<u16>: i32;
    "strncmp" <= HIGH_LEVEL => compare_within::<u8>: i32;
    "wcsncmp" <= HIGH_LEVEL => compare_within::<u16>: i32;
    "_stricmp" <= HIGH_LEVEL => compare_folded::<u8>: i32;
    "_wcsicmp" <= HIGH_LEVEL => compare_folded::<u16>: i32;
    "_strnicmp" <= HIGH_LEVEL => compare_folded_within::<u8>: i32;
    "_wcsnicmp" <= HIGH_LEVEL => compare_folded_within::<u16>: i32;
    "strchr" <= HIGH_LEVEL => find_first::<u8>: usize;
    "wcschr" <= HIGH_LEVEL => find_first::<u16>: usize;
    "strrchr" <= HIGH_LEVEL => find_last::<u8>: usize;
    "wcsrchr" <= HIGH_LEVEL => find_last::<u16>: usize;
    "strstr" <= HIGH_LEVEL => find_string::<u8>: usize;
    "wcsstr" <= HIGH_LEVEL => find_string::<u16>: usize;
    "strspn" <= HIGH_LEVEL => count_of::<u8>: usize;
    "wcsspn" <= HIGH_LEVEL => count_of::<u16>: usize;
    "strcpy" <= HIGH_LEVEL => copy::<u8>: usize;
    "wcscpy" <= HIGH_LEVEL => copy::<u16>: usize;
    "strncpy" <= HIGH_LEVEL => copy_within::<u8>: usize;
    "wcsncpy" <= HIGH_LEVEL => copy_within::<u16>: usize;
    "strcat" <= HIGH_LEVEL => append::<u8>: usize;
    "wcscat" <= HIGH_LEVEL => append::<u16>: usize;
    "strncat" <= HIGH_LEVEL => append_within::<u8>: usize;
    "wcsncat" <= HIGH_LEVEL => append_within::<u16>: usize;
    "_strlwr" <= HIGH_LEVEL => make_lower::<u8>: usize;
    "_wcslwr" <= HIGH_LEVEL => make_lower::<u16>: usize;
    "_strupr" <= HIGH_LEVEL => make_upper::<u8>: usize;
    "_wcsupr" <= HIGH_LEVEL => make_upper::<u16>: usize;
    "memchr" <= HIGH_LEVEL => find_byte: usize;
}

unsafe extern "win64" fn count<U: Unit>(string: *const U) -> usize {
    // SAFETY: it ends with a zero, as documented.
    unsafe { length(string, usize::MAX) }
}

unsafe extern "win64" fn count_within<U: Unit>(string: *const U, most: usize) -> usize {
    // SAFETY: it ends with a zero or has that number of units, as documented.
    unsafe { length(string, most) }
}

/// -1, 0 or 1, like the first difference within `most` units.
///
/// # Safety
///
/// Both strings end with a zero or have that number of units.
unsafe fn order<U: Unit>(
    left: *const U,
    right: *const U,
    most: usize,
    fold: impl Fn(U) -> U,
) -> i32 {
    for at in 0..most {
        // SAFETY: neither has ended, by this function's contract.
        let (left, right) = unsafe { (load(left.wrapping_add(at)), load(right.wrapping_add(at))) };
        match fold(left).code().cmp(&fold(right).code()) {
            Ordering::Less => return -1,
            Ordering::Greater => return 1,
            Ordering::Equal if left == U::END => return 0,
            Ordering::Equal => {}
        }
    }
    0
}

unsafe extern "win64" fn compare<U: Unit>(left: *const U, right: *const U) -> i32 {
    // SAFETY: both end with a zero, as documented.
    unsafe { order(left, right, usize::MAX, |unit| unit) }
}

unsafe extern "win64" fn compare_within<U: Unit>(
    left: *const U,
    right: *const U,
    most: usize,
) -> i32 {
    // SAFETY: both end with a zero or have that number of units, as documented.
    unsafe { order(left, right, most, |unit| unit) }
}

unsafe extern "win64" fn compare_folded<U: Unit>(left: *const U, right: *const U) -> i32 {
    // SAFETY: both end with a zero, as documented.
    unsafe { order(left, right, usize::MAX, U::lower) }
}

unsafe extern "win64" fn compare_folded_within<U: Unit>(
    left: *const U,
    right: *const U,
    most: usize,
) -> i32 {
    // SAFETY: both end with a zero or have that number of units, as documented.
    unsafe { order(left, right, most, U::lower) }
}

/// The address of the unit at an index.
fn address<U>(string: *const U, at: usize) -> usize {
    string.wrapping_add(at).addr()
}

/// A C function for characters takes an `int`, of which it uses so much.
fn wanted<U: Unit>(unit: u32) -> U {
    let mask = if size_of::<U>() == 1 { 0xFF } else { 0xFFFF };
    U::from_code(unit & mask)
}

unsafe extern "win64" fn find_first<U: Unit>(string: *const U, unit: u32) -> usize {
    let unit = wanted(unit);
    let mut at = 0;
    loop {
        // SAFETY: nothing is read beyond the zero.
        let here: U = unsafe { load(string.wrapping_add(at)) };
        if here == unit {
            return address(string, at);
        }
        if here == U::END {
            return 0;
        }
        at += 1;
    }
}

unsafe extern "win64" fn find_last<U: Unit>(string: *const U, unit: u32) -> usize {
    let unit: U = wanted(unit);
    // SAFETY: it ends with a zero, as documented.
    let length = unsafe { length(string, usize::MAX) };
    let mut places = (0..=length).rev();
    // SAFETY: nothing is read beyond the zero.
    let found = places.find(|&at| unsafe { load(string.wrapping_add(at)) } == unit);
    found.map_or(0, |at| address(string, at))
}

unsafe extern "win64" fn find_string<U: Unit>(string: *const U, wanted: *const U) -> usize {
    // SAFETY: both end with a zero, as documented.
    let (whole, part) = unsafe { (length(string, usize::MAX), length(wanted, usize::MAX)) };
    let Some(last) = whole.checked_sub(part) else {
        return 0;
    };
    // SAFETY: both have that number of units.
    let is_at = |at: &usize| unsafe { order(string.add(*at), wanted, part, |unit| unit) } == 0;
    (0..=last).find(is_at).map_or(0, |at| address(string, at))
}

unsafe extern "win64" fn count_of<U: Unit>(string: *const U, set: *const U) -> usize {
    // SAFETY: both end with a zero, as documented.
    let (whole, most) = unsafe { (length(string, usize::MAX), length(set, usize::MAX)) };
    // SAFETY: nothing is read beyond the zeros.
    let is_in_set = |unit| (0..most).any(|at| unsafe { load(set.wrapping_add(at)) } == unit);
    // SAFETY: as above.
    let is_of_set = |at: &usize| is_in_set(unsafe { load(string.wrapping_add(*at)) });
    (0..whole).take_while(is_of_set).count()
}

unsafe extern "win64" fn copy<U: Unit>(to: *mut U, from: *const U) -> usize {
    // SAFETY: the string ends with a zero, and there is room for it, as documented.
    unsafe { access::copy(from, to, length(from, usize::MAX) + 1) };
    to.addr()
}

unsafe extern "win64" fn copy_within<U: Unit>(to: *mut U, from: *const U, count: usize) -> usize {
    // SAFETY: it ends with a zero or has that number of units, as documented.
    let length = unsafe { length(from, count) };
    // SAFETY: there is room for that number of units, as documented.
    unsafe { access::copy(from, to, length) };
    for at in length..count {
        // SAFETY: as above.
        unsafe { store(to.wrapping_add(at), U::END) };
    }
    to.addr()
}

unsafe extern "win64" fn append<U: Unit>(to: *mut U, from: *const U) -> usize {
    // SAFETY: both end with a zero, and there is room, as documented.
    unsafe { copy(to.add(length(to, usize::MAX)), from) };
    to.addr()
}

unsafe extern "win64" fn append_within<U: Unit>(to: *mut U, from: *const U, count: usize) -> usize {
    // SAFETY: both end with a zero, the second unless it has that number of units.
    let (end, more) = unsafe { (length(to, usize::MAX), length(from, count)) };
    // SAFETY: there is room, as documented.
    unsafe { access::copy(from, to.wrapping_add(end), more) };
    // SAFETY: as above.
    unsafe { store(to.wrapping_add(end + more), U::END) };
    to.addr()
}

/// Replaces each unit.
///
/// # Safety
///
/// The string ends with a zero and may be written.
unsafe fn replace<U: Unit>(string: *mut U, with: impl Fn(U) -> U) -> usize {
    // SAFETY: it ends with a zero, by this function's contract.
    for at in 0..unsafe { length(string, usize::MAX) } {
        // SAFETY: nothing is touched beyond the zero.
        unsafe { string.add(at).write(with(load(string.wrapping_add(at)))) };
    }
    string.addr()
}

unsafe extern "win64" fn make_lower<U: Unit>(string: *mut U) -> usize {
    // SAFETY: it ends with a zero and may be written, as documented.
    unsafe { replace(string, U::lower) }
}

unsafe extern "win64" fn make_upper<U: Unit>(string: *mut U) -> usize {
    // SAFETY: it ends with a zero and may be written, as documented.
    unsafe { replace(string, U::upper) }
}

unsafe extern "win64" fn find_byte(memory: *const u8, byte: u32, count: usize) -> usize {
    let byte: u8 = wanted(byte);
    let mut places = 0..count;
    // SAFETY: nothing is read beyond the first that is found, as documented.
    let found = places.find(|&at| unsafe { load(memory.wrapping_add(at)) } == byte);
    found.map_or(0, |at| address(memory, at))
}
