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

/// A spin lock with the value that it guards.
pub struct SpinLock<T> {
    lock: Lock,
    value: UnsafeCell<T>,
}

// SAFETY: only the thread that holds the lock has access to the value.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// Creates a lock that is not held.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self {
            lock: Lock::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// Creates a lock that is not held.
    #[cfg(loom)]
    #[must_use]
    pub fn new(value: T) -> Self {
        Self {
            lock: Lock::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// Calls `body` with the value while the lock is held. `body` runs at `DISPATCH_LEVEL`,
    /// is short, and calls no function of another module. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// The lock is not recursive: a `body` that acquires it again spins for ever, on Windows
    /// without a bug check. So does one that drops the last [`Hold`](crate::Hold) of a binding
    /// whose cleanup acquires it: let `body` return the values that are to be dropped.
    ///
    /// The bound `Send` excludes values that belong to a thread, above all the proofs of
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
            // SAFETY: the lock is held, so that no other reference to the value exists:
            // acquiring it twice does not return.
            body(unsafe { &mut *self.value.get() })
        })
    }
}

/// The lock of the Windows kernel.
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
            // SAFETY: the lock is in this driver's image or in non-paged pool, and this
            // thread does not hold it.
            let irql = unsafe { KeAcquireSpinLockRaiseToDpc(self.0.get()) };
            let result = body();
            // SAFETY: the lock was acquired above, at `irql`.
            unsafe { KeReleaseSpinLock(self.0.get(), irql) };
            result
        }
    }
}

/// The lock of a host, which has no IRQL to raise.
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

/// The lock of the model checker, which treats a spinning thread as waiting.
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
