// SPDX-License-Identifier: MIT OR Apache-2.0

//! One after the other, however long it takes.

use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::fmt;

use windows_sys::Wdk::Foundation::KEVENT;

use crate::system::{KeInitializeEvent, KeSetEvent, KeWaitForSingleObject};

/// A lock that threads wait for, and that may be held while they block: a
/// synchronization event, set when nobody has it.
pub struct Turn(Box<UnsafeCell<KEVENT>>);

// SAFETY: the kernel's functions on an event may be called on any thread.
unsafe impl Send for Turn {}
// SAFETY: as above.
unsafe impl Sync for Turn {}

impl Turn {
    /// One that nobody has.
    #[must_use]
    pub fn new() -> Self {
        const SYNCHRONIZATION_EVENT: i32 = 1;
        let event = Box::new(UnsafeCell::new(KEVENT::default()));
        // SAFETY: it stays at this address, in pool, until it is dropped.
        unsafe { KeInitializeEvent(event.get(), SYNCHRONIZATION_EVENT, 1) };
        Self(event)
    }

    /// Returns once it is this thread's. IRQL <= `APC_LEVEL`.
    pub fn take(&self) {
        const EXECUTIVE: i32 = 0;
        const KERNEL_MODE: i8 = 0;
        // SAFETY: the event is initialised; there is no time limit.
        unsafe {
            KeWaitForSingleObject(
                self.0.get().cast(),
                EXECUTIVE,
                KERNEL_MODE,
                0,
                core::ptr::null(),
            )
        };
    }

    /// Gives it to whoever waits. IRQL <= `DISPATCH_LEVEL`.
    pub fn give_back(&self) {
        // SAFETY: the event is initialised; `Wait` is false.
        unsafe { KeSetEvent(self.0.get(), 0, 0) };
    }
}

impl Default for Turn {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").finish_non_exhaustive()
    }
}
