// SPDX-License-Identifier: MIT OR Apache-2.0

//! The functions that compilers call.

use std::ffi::c_void;

use super::access::{copy, fill, load};
use crate::exports::exports;
use crate::hardware::irql::HIGH_LEVEL;
use crate::verifier::races::blocks;

exports! {
    "memcpy" <= HIGH_LEVEL => memmove: *mut c_void;
    "memmove" <= HIGH_LEVEL => memmove: *mut c_void;
    "memset" <= HIGH_LEVEL => memset: *mut c_void;
    "memcmp" <= HIGH_LEVEL => memcmp: i32;
    "RtlCompareMemory" <= HIGH_LEVEL => rtl_compare_memory: usize;
}

unsafe extern "win64" fn memmove(
    to: *mut c_void,
    from: *const c_void,
    count: usize,
) -> *mut c_void {
    let (source, target) = (from.cast::<u8>(), to.cast::<u8>());
    blocks::read(source, count);
    blocks::write(target, count);
    // SAFETY: the ranges are valid, as documented.
    unsafe { copy(source, target, count) };
    to
}

unsafe extern "win64" fn memset(to: *mut c_void, value: i32, count: usize) -> *mut c_void {
    let [byte, ..] = value.to_le_bytes();
    let target = to.cast::<u8>();
    blocks::write(target, count);
    // SAFETY: the range is valid, as documented.
    unsafe { fill(target, byte, count) };
    to
}

unsafe extern "win64" fn memcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    for block in [left, right] {
        blocks::read(block, count);
    }
    for index in 0..count {
        // SAFETY: the ranges are valid, as documented.
        let (left, right) = unsafe {
            (
                load(left.wrapping_add(index)),
                load(right.wrapping_add(index)),
            )
        };
        if left != right {
            return i32::from(left) - i32::from(right);
        }
    }
    0
}

unsafe extern "win64" fn rtl_compare_memory(
    left: *const u8,
    right: *const u8,
    count: usize,
) -> usize {
    for block in [left, right] {
        blocks::read(block, count);
    }
    (0..count)
        // SAFETY: the ranges are valid, as documented.
        .take_while(|&index| unsafe {
            load(left.wrapping_add(index)) == load(right.wrapping_add(index))
        })
        .count()
}
