// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kernel's events, which this crate's doors and turns are made of.

use alloc::boxed::Box;
use core::cell::UnsafeCell;

use windows_sys::Wdk::Foundation::KEVENT;

use crate::system::{KeInitializeEvent, KeSetEvent, KeWaitForSingleObject};

/// `EVENT_TYPE`.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Once set it stays so.
    Notification = 0,
    /// It wakes one thread, and is not set any more.
    Synchronization = 1,
}

/// An event.
pub(crate) struct Kevent(Box<UnsafeCell<KEVENT>>);

// SAFETY: the kernel's functions on an event may be called on any thread.
unsafe impl Send for Kevent {}
// SAFETY: as above.
unsafe impl Sync for Kevent {}

impl Kevent {
    pub(crate) fn new(kind: Kind, set: bool) -> Self {
        let event = Box::new(UnsafeCell::new(KEVENT::default()));
        // SAFETY: it stays at this address, in pool, until it is dropped.
        unsafe { KeInitializeEvent(event.get(), kind as i32, set.into()) };
        Self(event)
    }

    /// IRQL <= `DISPATCH_LEVEL`.
    pub(crate) fn set(&self) {
        // SAFETY: the event is initialised; `Wait` is false.
        unsafe { KeSetEvent(self.0.get(), 0, 0) };
    }

    /// Returns once it is set. IRQL <= `APC_LEVEL`.
    pub(crate) fn wait(&self) {
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
