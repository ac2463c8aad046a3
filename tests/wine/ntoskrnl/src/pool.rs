// SPDX-License-Identifier: MIT OR Apache-2.0

//! The pool.

use core::ffi::c_void;
use core::ptr;

use crate::original::ExAllocatePoolWithTag;

const POOL_FLAG_UNINITIALIZED: u64 = 2;

/// # Safety
///
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExAllocatePool2(
    flags: u64,
    bytes: usize,
    tag: u32,
) -> *mut c_void {
    // SAFETY: callable with any size.
    let block = unsafe { ExAllocatePoolWithTag(0, bytes, tag) };
    if !block.is_null() && flags & POOL_FLAG_UNINITIALIZED == 0 {
        // SAFETY: the block is new and has that many bytes.
        unsafe { ptr::write_bytes(block.cast::<u8>(), 0, bytes) };
    }
    block
}
