// SPDX-License-Identifier: MIT OR Apache-2.0

//! A lock for a few instructions.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::original::NtYieldExecution;

/// A value that one thread at a time may touch.
///
/// # Invariants
///
/// `value` is touched by the thread that has set `held`.
pub(crate) struct Spin<T> {
    held: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: by the invariant one thread at a time touches the value.
unsafe impl<T: Send> Sync for Spin<T> {}

impl<T> Spin<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self {
            held: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// Runs `body` on the value; it neither blocks nor takes this lock again.
    pub(crate) fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        while self.held.swap(true, Ordering::Acquire) {
            // Whoever holds it may not be running.
            // SAFETY: callable at any time.
            unsafe { NtYieldExecution() };
        }
        // SAFETY: this thread holds the lock, and the borrow ends before that does.
        let result = body(unsafe { &mut *self.value.get() });
        self.held.store(false, Ordering::Release);
        result
    }
}
