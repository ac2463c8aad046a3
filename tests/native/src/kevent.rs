// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kernel's events, on which [`Event`](crate::event::Event) and
//! [`BlockingLock`](crate::blocking_lock::BlockingLock) are built.

use alloc::boxed::Box;
use core::cell::UnsafeCell;

use windows_sys::Wdk::Foundation::KEVENT;

use crate::system::{KeInitializeEvent, KeSetEvent, KeWaitForSingleObject};

/// `EVENT_TYPE`.
#[derive(Clone, Copy)]
pub(crate) enum EventType {
    /// Stays set, and wakes all threads.
    Notification = 0,
    /// Wakes one thread, and is reset by that.
    Synchronization = 1,
}

/// An event in non-paged pool.
pub(crate) struct Kevent(Box<UnsafeCell<KEVENT>>);

// SAFETY: the kernel's functions on an event may be called on any thread.
unsafe impl Send for Kevent {}
// SAFETY: the kernel's functions on an event may be called by several threads at a time.
unsafe impl Sync for Kevent {}

impl Kevent {
    pub(crate) fn new(event_type: EventType, set: bool) -> Self {
        let event = Box::new(UnsafeCell::new(KEVENT::default()));
        // SAFETY: the box keeps the event at this address, in non-paged pool, until the drop.
        unsafe { KeInitializeEvent(event.get(), event_type as i32, set.into()) };
        Self(event)
    }

    /// Sets the event. IRQL <= `DISPATCH_LEVEL`.
    pub(crate) fn set(&self) {
        // SAFETY: `new` has initialised the event; `Wait` is false, so no wait must follow.
        unsafe { KeSetEvent(self.0.get(), 0, 0) };
    }

    /// Waits until the event is set. IRQL <= `APC_LEVEL`.
    pub(crate) fn wait(&self) {
        const EXECUTIVE: i32 = 0;
        const KERNEL_MODE: i8 = 0;
        // SAFETY: `new` has initialised the event; a null timeout means no limit.
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
