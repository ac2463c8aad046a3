// SPDX-License-Identifier: MIT OR Apache-2.0

//! System threads and what they wait on. `provider.sys` has the same, so that either
//! driver can be copied alone.

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr;

use nmr::abi::struct_size;
use nmr::irql::PassiveLevel;
use nmr::{NtStatus, Result};
use wdk_sys::_EVENT_TYPE::SynchronizationEvent;
use wdk_sys::_KWAIT_REASON::Executive;
use wdk_sys::_MODE::KernelMode;
use wdk_sys::ntddk::{
    KeDelayExecutionThread, KeInitializeEvent, KeSetEvent, KeWaitForSingleObject,
    PsCreateSystemThread, PsTerminateSystemThread, ZwClose, ZwWaitForSingleObject,
};
use wdk_sys::{
    HANDLE, KEVENT, KPROCESSOR_MODE, LARGE_INTEGER, OBJ_KERNEL_HANDLE, OBJECT_ATTRIBUTES,
    THREAD_ALL_ACCESS,
};

/// Waits are the kernel's own. The header has an `int`, the functions want a
/// `KPROCESSOR_MODE`.
const KERNEL_MODE: KPROCESSOR_MODE = {
    assert!(KernelMode == 0);
    0
};

/// A `KEVENT` that stays signalled until one waiter goes on. Clearing is part of
/// the wait: `KeClearEvent` would be a store that may come too late.
#[derive(Default)]
pub(crate) struct Event(UnsafeCell<KEVENT>);

// SAFETY: the kernel's functions on an event are safe on any thread.
unsafe impl Sync for Event {}
// SAFETY: an event that nobody waits on belongs to no thread.
unsafe impl Send for Event {}

impl Event {
    /// Makes the event usable, and not signalled. Any IRQL.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-keinitializeevent>
    ///
    /// # Safety
    ///
    /// Called once, before any other function, in non-paged memory that the
    /// event does not leave any more.
    pub(crate) unsafe fn initialize(&self) {
        // SAFETY: by this function's contract.
        unsafe { KeInitializeEvent(self.0.get(), SynchronizationEvent, 0) };
    }

    /// Lets one waiter, present or future, go on. IRQL <= `DISPATCH_LEVEL`.
    pub(crate) fn set(&self) {
        // SAFETY: the event is initialized; without a wait to follow it may be
        // set at any IRQL up to `DISPATCH_LEVEL`. The previous state is of no
        // interest.
        let _ = unsafe { KeSetEvent(self.0.get(), 0, 0) };
    }

    /// Waits until the event is set. IRQL = `PASSIVE_LEVEL`.
    pub(crate) fn wait(&self, _passive: &PassiveLevel<'_>) {
        // SAFETY: the event is initialized, and blocking is legal here. A wait
        // without time-out that is not alertable ends in success only.
        let _ = unsafe {
            KeWaitForSingleObject(
                self.0.get().cast(),
                Executive,
                KERNEL_MODE,
                0,
                ptr::null_mut(),
            )
        };
    }
}

/// A system thread that has not been joined.
pub(crate) struct Thread(HANDLE);

// SAFETY: a kernel handle is valid on every thread.
unsafe impl Send for Thread {}
// SAFETY: as above.
unsafe impl Sync for Thread {}

impl Thread {
    /// Runs `routine` on a thread of its own. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-pscreatesystemthread>
    ///
    /// # Errors
    ///
    /// The kernel's own status.
    ///
    /// # Safety
    ///
    /// `routine` may be called with `context`, until the thread is
    /// [joined](Self::join).
    pub(crate) unsafe fn start(
        routine: unsafe extern "C" fn(context: *mut c_void),
        context: *mut c_void,
        _passive: &PassiveLevel<'_>,
    ) -> Result<Self> {
        // A kernel handle: it is closed by whatever process unloads the driver.
        let mut attributes = OBJECT_ATTRIBUTES {
            Length: u32::from(struct_size::<OBJECT_ATTRIBUTES>()),
            Attributes: OBJ_KERNEL_HANDLE,
            ..OBJECT_ATTRIBUTES::default()
        };
        let mut handle = ptr::null_mut();
        // SAFETY: the out parameter and the attributes live for the call; the
        // routine is good for `context` by this function's contract.
        let status = unsafe {
            PsCreateSystemThread(
                &raw mut handle,
                THREAD_ALL_ACCESS,
                &raw mut attributes,
                ptr::null_mut(),
                ptr::null_mut(),
                Some(routine),
                context,
            )
        };
        NtStatus(status).ok().map(|()| Self(handle))
    }

    /// Waits until the thread has ended: it executes nothing of this image any
    /// more. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ntifs/nf-ntifs-zwwaitforsingleobject>
    pub(crate) fn join(self, _passive: &PassiveLevel<'_>) {
        // SAFETY: the handle is the thread's own and still open. A wait
        // without time-out that is not alertable ends in success only.
        let _ = unsafe { ZwWaitForSingleObject(self.0, 0, ptr::null_mut()) };
        // SAFETY: the handle is closed once. Closing an open handle succeeds.
        let _ = unsafe { ZwClose(self.0) };
    }
}

/// Sleeps. IRQL = `PASSIVE_LEVEL`.
pub(crate) fn sleep(milliseconds: u16, _passive: &PassiveLevel<'_>) {
    const UNITS_PER_MILLISECOND: i64 = 10_000;
    // Negative: from now, not at a date.
    let mut interval = LARGE_INTEGER {
        QuadPart: -(i64::from(milliseconds) * UNITS_PER_MILLISECOND),
    };
    // SAFETY: blocking is legal here; the interval lives for the call.
    let _ = unsafe { KeDelayExecutionThread(KERNEL_MODE, 0, &raw mut interval) };
}

/// Ends the calling system thread. IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-psterminatesystemthread>
///
/// # Safety
///
/// The last act of a routine that [`Thread::start`] runs, which owns nothing
/// any more: it does not return.
pub(crate) unsafe fn exit(_passive: &PassiveLevel<'_>) {
    // SAFETY: by this function's contract.
    let _ = unsafe { PsTerminateSystemThread(NtStatus::SUCCESS.0) };
}
