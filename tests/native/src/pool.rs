// SPDX-License-Identifier: MIT OR Apache-2.0

//! The global allocator: non-paged pool.

use core::alloc::{GlobalAlloc, Layout};

use crate::system::{ExAllocatePool2, ExFreePool};

struct Pool;

#[global_allocator]
static POOL: Pool = Pool;

const POOL_FLAG_NON_PAGED: u64 = 0x40;
const TAG: u32 = u32::from_le_bytes(*b"NmrT");
/// What every block of the pool has on x86-64.
const ALIGNMENT: usize = 16;

// SAFETY: a block is the caller's until it is freed, and aligned as asked or
// refused.
unsafe impl GlobalAlloc for Pool {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > ALIGNMENT {
            return core::ptr::null_mut();
        }
        // SAFETY: callable at IRQL <= DISPATCH_LEVEL, where these drivers are.
        unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, layout.size(), TAG) }.cast()
    }

    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        // SAFETY: the caller got the block from `alloc`.
        unsafe { ExFreePool(block.cast()) };
    }
}
