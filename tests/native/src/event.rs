// SPDX-License-Identifier: MIT OR Apache-2.0

//! A door that opens once.

use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::fmt;

use windows_sys::Wdk::Foundation::KEVENT;

use crate::system::{KeInitializeEvent, KeSetEvent, KeWaitForSingleObject};

/// A notification event.
pub struct Event(Box<UnsafeCell<KEVENT>>);

// SAFETY: the kernel's functions on an event may be called on any thread.
unsafe impl Send for Event {}
// SAFETY: as above.
unsafe impl Sync for Event {}

impl Event {
    /// One that is not set.
    #[must_use]
    pub fn new() -> Self {
        const NOTIFICATION_EVENT: i32 = 0;
        let event = Box::new(UnsafeCell::new(KEVENT::default()));
        // SAFETY: it stays at this address, in pool, until it is dropped.
        unsafe { KeInitializeEvent(event.get(), NOTIFICATION_EVENT, 0) };
        Self(event)
    }

    /// Sets it for good. IRQL <= `DISPATCH_LEVEL`.
    pub fn set(&self) {
        // SAFETY: the event is initialised; `Wait` is false.
        unsafe { KeSetEvent(self.0.get(), 0, 0) };
    }

    /// Returns once it is set. IRQL <= `APC_LEVEL`.
    pub fn wait(&self) {
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
}

impl Default for Event {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").finish_non_exhaustive()
    }
}
