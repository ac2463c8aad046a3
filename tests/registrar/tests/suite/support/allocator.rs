// SPDX-License-Identifier: MIT OR Apache-2.0

//! An allocator that counts, and that fails on demand, for one thread at a time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;

struct Meter;

#[global_allocator]
static METER: Meter = Meter;

thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
    /// The bytes allocated less those freed.
    static HELD: Cell<isize> = const { Cell::new(0) };
    /// The number of allocations that succeed before one fails.
    static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
}

fn refuses() -> bool {
    TAKEN.set(TAKEN.get() + 1);
    match LEFT.get() {
        Some(0) => {
            LEFT.set(None);
            true
        }
        left => {
            LEFT.set(left.map(|left| left - 1));
            false
        }
    }
}

fn hold(more: usize, less: usize) {
    let change = more.cast_signed() - less.cast_signed();
    HELD.set(HELD.get() + change);
}

// SAFETY: passes on to the system's allocator, or answers null, as it may.
unsafe impl GlobalAlloc for Meter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if refuses() {
            return ptr::null_mut();
        }
        hold(layout.size(), 0);
        // SAFETY: the caller keeps the contract of `GlobalAlloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        hold(0, layout.size());
        // SAFETY: the caller keeps the contract of `GlobalAlloc`; every block
        // is the system's.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if refuses() {
            return ptr::null_mut();
        }
        hold(size, layout.size());
        // SAFETY: the caller keeps the contract of `GlobalAlloc`; every block
        // is the system's.
        unsafe { System.realloc(block, layout, size) }
    }
}

/// Runs `body` on this thread with its `nth` allocation failing, counted from 0.
pub(crate) fn failing<R>(nth: u32, body: impl FnOnce() -> R) -> R {
    LEFT.set(Some(nth));
    let result = body();
    LEFT.set(None);
    result
}

/// The bytes by which what this thread has allocated grows in `body`.
pub(crate) fn growth(body: impl FnOnce()) -> isize {
    let before = HELD.get();
    body();
    HELD.get() - before
}

/// The number of allocations this thread makes in `body`.
pub(crate) fn counting(body: impl FnOnce()) -> u64 {
    let before = TAKEN.get();
    body();
    TAKEN.get() - before
}
