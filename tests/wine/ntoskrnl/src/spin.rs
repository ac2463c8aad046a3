// SPDX-License-Identifier: MIT OR Apache-2.0

//! A spin lock for this image's own data.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::original::NtYieldExecution;

/// A value that one thread at a time may access.
///
/// # Invariants
///
/// `value` is accessed only by the thread that has set `held`.
pub(crate) struct Spin<T> {
    held: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: by the invariant one thread at a time accesses the value.
unsafe impl<T: Send> Sync for Spin<T> {}

impl<T> Spin<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self {
            held: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// Runs `body` on the value; `body` must neither block nor acquire this lock.
    pub(crate) fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        while self.held.swap(true, Ordering::Acquire) {
            // The holder may have been preempted.
            // SAFETY: the function has no precondition.
            unsafe { NtYieldExecution() };
        }
        // SAFETY: this thread holds the lock, and the borrow ends before the release.
        let result = body(unsafe { &mut *self.value.get() });
        self.held.store(false, Ordering::Release);
        result
    }
}
