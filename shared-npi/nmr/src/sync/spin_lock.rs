// SPDX-License-Identifier: MIT OR Apache-2.0

//! A `KSPIN_LOCK` with the value that it guards.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/kernel/introduction-to-spin-locks>

use core::cell::UnsafeCell;

#[cfg(all(not(loom), not(windows)))]
use host::Lock;
#[cfg(all(not(loom), windows))]
use kernel::Lock;
#[cfg(loom)]
use model::Lock;

/// A value that one thread at a time looks at.
pub struct SpinLock<T> {
    lock: Lock,
    value: UnsafeCell<T>,
}

// SAFETY: the value is only lent to the thread that holds the lock.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// A lock that is free.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self {
            lock: Lock::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// A lock that is free.
    #[cfg(loom)]
    #[must_use]
    pub fn new(value: T) -> Self {
        Self {
            lock: Lock::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// Lends the value to `body`, which runs at `DISPATCH_LEVEL`, is short, and
    /// calls nothing of another module's. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// The lock is not recursive: a `body` that takes it again spins for ever, on
    /// Windows without a bug check. So does one that drops the last
    /// [`Hold`](crate::Hold) of a binding whose cleanup takes it: return what is to be
    /// dropped.
    ///
    /// `Send` keeps out what belongs to a thread, above all the proofs of
    /// [`irql`](crate::irql), which do not hold in `body`:
    ///
    /// ```compile_fail,E0277
    /// # use nmr::{SpinLock, irql::PassiveLevel};
    /// fn sleep(_passive: &PassiveLevel<'_>) {}
    ///
    /// fn work(lock: &SpinLock<u32>, passive: &PassiveLevel<'_>) {
    ///     lock.with(|_| sleep(passive));
    /// }
    /// ```
    pub fn with<R>(&self, body: impl FnOnce(&mut T) -> R + Send) -> R
    where
        T: Send,
    {
        self.hold(body)
    }

    /// [`with`](Self::with), for the library's own lists, whose links are pointers.
    pub(crate) fn hold<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        self.lock.hold(|| {
            // SAFETY: the lock is held, so that no other reference to the value
            // exists: taking it twice does not return.
            body(unsafe { &mut *self.value.get() })
        })
    }
}

/// Windows' own.
#[cfg(all(not(loom), windows))]
mod kernel {
    use core::cell::UnsafeCell;

    /// `KSPIN_LOCK`; `KeInitializeSpinLock`, which is inline, stores zero.
    pub(super) struct Lock(UnsafeCell<usize>);

    unsafe extern "system" {
        /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-keacquirespinlockraisetodpc>
        fn KeAcquireSpinLockRaiseToDpc(lock: *mut usize) -> u8;
        /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-kereleasespinlock>
        fn KeReleaseSpinLock(lock: *mut usize, irql: u8);
    }

    impl Lock {
        pub(super) const fn new() -> Self {
            Self(UnsafeCell::new(0))
        }

        pub(super) fn hold<R>(&self, body: impl FnOnce() -> R) -> R {
            // SAFETY: a lock of this driver's, in its image or in the
            // non-paged pool, which this thread does not hold.
            let irql = unsafe { KeAcquireSpinLockRaiseToDpc(self.0.get()) };
            let result = body();
            // SAFETY: the lock was taken above, at `irql`.
            unsafe { KeReleaseSpinLock(self.0.get(), irql) };
            result
        }
    }
}

/// A host has no IRQL to raise.
#[cfg(all(not(loom), not(windows)))]
mod host {
    use core::sync::atomic::{AtomicBool, Ordering};

    pub(super) struct Lock(AtomicBool);

    impl Lock {
        pub(super) const fn new() -> Self {
            Self(AtomicBool::new(false))
        }

        pub(super) fn hold<R>(&self, body: impl FnOnce() -> R) -> R {
            while self.0.swap(true, Ordering::Acquire) {
                core::hint::spin_loop();
            }
            let result = body();
            self.0.store(false, Ordering::Release);
            result
        }
    }
}

/// The model checker's, which knows that who spins waits.
#[cfg(loom)]
mod model {
    use loom::sync::Mutex;

    pub(super) struct Lock(Mutex<()>);

    impl Lock {
        pub(super) fn new() -> Self {
            Self(Mutex::new(()))
        }

        pub(super) fn hold<R>(&self, body: impl FnOnce() -> R) -> R {
            let _held = self
                .0
                .lock()
                .expect("the model does not go on after a panic");
            body()
        }
    }
}
