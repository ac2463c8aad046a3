// SPDX-License-Identifier: MIT OR Apache-2.0

//! The global allocator: non-paged pool.

use core::alloc::{GlobalAlloc, Layout};

use crate::system::{ExAllocatePool2, ExFreePool};

struct Pool;

#[global_allocator]
static POOL: Pool = Pool;

const POOL_FLAG_NON_PAGED: u64 = 0x40;
const TAG: u32 = u32::from_le_bytes(*b"NmrT");
/// The alignment of pool blocks on x86-64.
const ALIGNMENT: usize = 16;

// SAFETY: a block belongs to the caller until it is freed; a layout that needs more than the
// pool's alignment is refused.
unsafe impl GlobalAlloc for Pool {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > ALIGNMENT {
            return core::ptr::null_mut();
        }
        // SAFETY: callable at IRQL <= DISPATCH_LEVEL; these drivers allocate at no higher IRQL.
        unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, layout.size(), TAG) }.cast()
    }

    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        // SAFETY: `alloc` has returned the block, as the contract of `dealloc` requires.
        unsafe { ExFreePool(block.cast()) };
    }
}
