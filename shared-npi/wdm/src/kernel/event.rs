// SPDX-License-Identifier: MIT OR Apache-2.0

//! Synchronization events.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/kernel/event-objects>

use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::marker::PhantomPinned;
use core::pin::Pin;
use core::ptr;

use nmr::Result;
use nmr::irql::PassiveLevel;
use nmr::memory::try_box;
use wdk_sys::_EVENT_TYPE::SynchronizationEvent;
use wdk_sys::_KWAIT_REASON::Executive;
use wdk_sys::ntddk::{KeInitializeEvent, KeSetEvent, KeWaitForSingleObject};
use wdk_sys::{KEVENT, LARGE_INTEGER};

use super::thread::KERNEL_MODE;

/// A `KEVENT` of the type `SynchronizationEvent`: it stays signalled until it has
/// released one waiter. The wait itself clears it; `KeClearEvent` after the wait
/// would lose a signal that comes in between.
///
/// # Invariants
///
/// Before anything outside this crate can refer to the event, it is in non-paged memory,
/// initialized, and no longer moves.
pub struct Event {
    event: UnsafeCell<KEVENT>,
    /// Wait blocks point to the event.
    _pinned: PhantomPinned,
}

// SAFETY: the kernel's functions on an event may be called on any thread, several at
// a time.
unsafe impl Sync for Event {}
// SAFETY: an event belongs to no thread, and nothing waits on one that is moved.
unsafe impl Send for Event {}

impl Event {
    /// Creates an event that is not signalled. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_INSUFFICIENT_RESOURCES`.
    pub fn new() -> Result<Pin<Box<Self>>> {
        let event = Box::into_pin(try_box(Self::uninitialized())?);
        // SAFETY: the event is pinned, in the pool, and not in use yet.
        unsafe { event.initialize() };
        Ok(event)
    }

    /// Creates an event that must be [initialized](Self::initialize) at its final address.
    pub(crate) fn uninitialized() -> Self {
        Self {
            event: UnsafeCell::default(),
            _pinned: PhantomPinned,
        }
    }

    /// Initializes the event as not signalled. Any IRQL.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-keinitializeevent>
    ///
    /// # Safety
    ///
    /// Called once, before any other function. The event is in non-paged memory, and does not
    /// move afterwards.
    pub(crate) unsafe fn initialize(&self) {
        // SAFETY: the event is in non-paged memory, and nothing waits on it yet, by
        // this function's contract.
        unsafe { KeInitializeEvent(self.event.get(), SynchronizationEvent, 0) };
    }

    /// Releases one waiter, present or future. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-kesetevent>
    pub fn set(&self) {
        // SAFETY: the event is initialized by the invariant; with `Wait` false it may
        // be set at any IRQL up to `DISPATCH_LEVEL`. The result is the previous
        // state.
        let _ = unsafe { KeSetEvent(self.event.get(), 0, 0) };
    }

    /// Waits until the event is signalled. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-kewaitforsingleobject>
    pub fn wait(&self, passive: &PassiveLevel<'_>) {
        self.wait_until(None, passive);
    }

    /// Waits until the event is signalled, or for `milliseconds`.
    /// IRQL = `PASSIVE_LEVEL`.
    pub fn wait_for(&self, milliseconds: u16, passive: &PassiveLevel<'_>) {
        const UNITS_PER_MILLISECOND: i64 = 10_000;
        // A negative interval is relative to now.
        let mut interval = LARGE_INTEGER {
            QuadPart: -(i64::from(milliseconds) * UNITS_PER_MILLISECOND),
        };
        self.wait_until(Some(&mut interval), passive);
    }

    /// Waits until the event is signalled, or until `time_out`, if there is one.
    /// IRQL = `PASSIVE_LEVEL`.
    fn wait_until(&self, time_out: Option<&mut LARGE_INTEGER>, _passive: &PassiveLevel<'_>) {
        let time_out = time_out.map_or(ptr::null_mut(), ptr::from_mut);
        // SAFETY: the event is initialized by the invariant, and the IRQL allows it
        // to wait, as `_passive` proves; the time-out, if any, outlives the call. A wait
        // that is not alertable returns success or `STATUS_TIMEOUT` only.
        let _ = unsafe {
            KeWaitForSingleObject(self.event.get().cast(), Executive, KERNEL_MODE, 0, time_out)
        };
    }
}
