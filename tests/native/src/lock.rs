// SPDX-License-Identifier: MIT OR Apache-2.0

//! A spin lock around a value.

use core::cell::UnsafeCell;

use crate::system::{KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock};

/// A value that one thread at a time may access, at `DISPATCH_LEVEL`.
///
/// # Invariants
///
/// `value` is accessed only between an acquisition of `lock` and its release.
#[derive(Debug)]
pub struct SpinLock<T> {
    /// A `KSPIN_LOCK`.
    lock: UnsafeCell<usize>,
    value: UnsafeCell<T>,
}

// SAFETY: by the invariant one thread at a time accesses the value.
unsafe impl<T: Send> Send for SpinLock<T> {}
// SAFETY: by the invariant one thread at a time accesses the value, so `T: Send` suffices.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// A free lock: all that `KeInitializeSpinLock` does is to set it to 0.
    pub const fn new(value: T) -> Self {
        Self {
            lock: UnsafeCell::new(0),
            value: UnsafeCell::new(value),
        }
    }

    /// Runs `body` on the value. IRQL <= `DISPATCH_LEVEL`; `body` must neither block
    /// nor acquire this lock.
    pub fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: the lock is initialised, and is not moved while `self` is borrowed.
        let irql = unsafe { KeAcquireSpinLockRaiseToDpc(self.lock.get()) };
        // SAFETY: the lock is held, and the borrow ends before it is released.
        let result = body(unsafe { &mut *self.value.get() });
        // SAFETY: this thread acquired the lock above, at IRQL `irql`.
        unsafe { KeReleaseSpinLock(self.lock.get(), irql) };
        result
    }
}
