// SPDX-License-Identifier: MIT OR Apache-2.0

//! Copying into buffers whose size is given: the `_s` functions.

use super::{INVALID, TOO_SMALL, TRUNCATE, TRUNCATED, Unit, length};
use crate::exports::exports;
use crate::exports::memory::access::{self, store};
use crate::hardware::irql::HIGH_LEVEL;
use crate::verifier::races::blocks;

exports! {
    "strcpy_s" <= HIGH_LEVEL => copy::<u8>: i32;
    "wcscpy_s" <= HIGH_LEVEL => copy::<u16>: i32;
    "strncpy_s" <= HIGH_LEVEL => copy_within::<u8>: i32;
    "wcsncpy_s" <= HIGH_LEVEL => copy_within::<u16>: i32;
    "strcat_s" <= HIGH_LEVEL => append::<u8>: i32;
    "wcscat_s" <= HIGH_LEVEL => append::<u16>: i32;
    "strncat_s" <= HIGH_LEVEL => append_within::<u8>: i32;
    "wcsncat_s" <= HIGH_LEVEL => append_within::<u16>: i32;
    "memcpy_s" <= HIGH_LEVEL => copy_memory: i32;
    "memmove_s" <= HIGH_LEVEL => move_memory: i32;
}

/// Copies no more than `count` units and a zero to `start` of a buffer with `size`
/// units.
///
/// # Safety
///
/// The buffer has that number of units; the source is null, ends with a zero, or has that number of
/// units.
unsafe fn put<U: Unit>(to: *mut U, size: usize, start: usize, from: *const U, count: usize) -> i32 {
    if from.is_null() {
        // SAFETY: the buffer has a unit, as each caller has seen.
        unsafe { store(to, U::END) };
        return INVALID;
    }
    let room = size - start;
    // SAFETY: the source ends with a zero, or has that number of units.
    let wanted = unsafe { length(from, count.min(room)) };
    let (copied, status) = match (wanted < room, count) {
        (true, _) => (wanted, 0),
        (false, TRUNCATE) => (room - 1, TRUNCATED),
        (false, _) => {
            // SAFETY: the buffer has a unit.
            unsafe { store(to, U::END) };
            return TOO_SMALL;
        }
    };
    // SAFETY: the source has that number of units, and there is room for one more.
    unsafe { access::copy(from, to.wrapping_add(start), copied) };
    // SAFETY: as above.
    unsafe { store(to.wrapping_add(start + copied), U::END) };
    status
}

unsafe extern "win64" fn copy<U: Unit>(to: *mut U, size: usize, from: *const U) -> i32 {
    if to.is_null() || size == 0 {
        return INVALID;
    }
    // SAFETY: the buffer has its size, and the source ends with a zero, as documented.
    unsafe { put(to, size, 0, from, usize::MAX - 1) }
}

unsafe extern "win64" fn copy_within<U: Unit>(
    to: *mut U,
    size: usize,
    from: *const U,
    count: usize,
) -> i32 {
    if to.is_null() && size == 0 && count == 0 {
        return 0;
    }
    if to.is_null() || size == 0 {
        return INVALID;
    }
    if count == 0 {
        // SAFETY: the buffer has its size, as documented.
        unsafe { store(to, U::END) };
        return 0;
    }
    // SAFETY: the buffer has its size, and the source ends with a zero or has that number of
    // units, as documented.
    unsafe { put(to, size, 0, from, count) }
}

unsafe extern "win64" fn append<U: Unit>(to: *mut U, size: usize, from: *const U) -> i32 {
    // SAFETY: this passes on the driver's own arguments, under the same documented
    // contract.
    unsafe { append_within(to, size, from, usize::MAX - 1) }
}

unsafe extern "win64" fn append_within<U: Unit>(
    to: *mut U,
    size: usize,
    from: *const U,
    count: usize,
) -> i32 {
    if to.is_null() && size == 0 && count == 0 {
        return 0;
    }
    if to.is_null() || size == 0 {
        return INVALID;
    }
    // SAFETY: the buffer has its size, as documented.
    let start = unsafe { length(to, size) };
    if start == size {
        // SAFETY: as above.
        unsafe { store(to, U::END) };
        return INVALID;
    }
    // SAFETY: the buffer has its size, and the source ends with a zero or has that number of
    // units, as documented.
    unsafe { put(to, size, start, from, count) }
}

unsafe extern "win64" fn copy_memory(
    to: *mut u8,
    size: usize,
    from: *const u8,
    count: usize,
) -> i32 {
    if count == 0 {
        return 0;
    }
    if to.is_null() {
        return INVALID;
    }
    if from.is_null() || size < count {
        blocks::write(to, size);
        // SAFETY: the buffer has its size, as documented.
        unsafe { access::fill(to, 0, size) };
        return if from.is_null() { INVALID } else { TOO_SMALL };
    }
    blocks::read(from, count);
    blocks::write(to, count);
    // SAFETY: both have that number of bytes, as documented.
    unsafe { access::copy(from, to, count) };
    0
}

unsafe extern "win64" fn move_memory(
    to: *mut u8,
    size: usize,
    from: *const u8,
    count: usize,
) -> i32 {
    if count == 0 {
        return 0;
    }
    if to.is_null() || from.is_null() {
        return INVALID;
    }
    if size < count {
        return TOO_SMALL;
    }
    blocks::read(from, count);
    blocks::write(to, count);
    // SAFETY: both have that number of bytes, as documented.
    unsafe { access::copy(from, to, count) };
    0
}
