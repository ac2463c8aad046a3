// SPDX-License-Identifier: MIT OR Apache-2.0

//! A spin lock around a value.

use core::cell::UnsafeCell;

use crate::system::{KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock};

/// A value that one thread at a time may touch, at `DISPATCH_LEVEL`.
///
/// # Invariants
///
/// `value` is touched only between an acquisition of `lock` and its release.
#[derive(Debug)]
pub struct SpinLock<T> {
    /// A `KSPIN_LOCK`.
    lock: UnsafeCell<usize>,
    value: UnsafeCell<T>,
}

// SAFETY: by the invariant one thread at a time touches the value.
unsafe impl<T: Send> Send for SpinLock<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// A lock that is free: `KeInitializeSpinLock` sets it to 0, no more.
    pub const fn new(value: T) -> Self {
        Self {
            lock: UnsafeCell::new(0),
            value: UnsafeCell::new(value),
        }
    }

    /// Runs `body` on the value. IRQL <= `DISPATCH_LEVEL`; `body` does not block
    /// nor take this lock again.
    pub fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: the lock is initialised and lies still while it is borrowed.
        let irql = unsafe { KeAcquireSpinLockRaiseToDpc(self.lock.get()) };
        // SAFETY: the lock is held, and the borrow ends before it is released.
        let result = body(unsafe { &mut *self.value.get() });
        // SAFETY: this thread has acquired it, at that IRQL.
        unsafe { KeReleaseSpinLock(self.lock.get(), irql) };
        result
    }
}
