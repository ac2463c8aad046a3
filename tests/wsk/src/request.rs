// SPDX-License-Identifier: MIT OR Apache-2.0

//! Requests for which their thread waits.

use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr::{self, NonNull};

use nmr::irql::PassiveLevel;
use nmr::memory::try_box;
use nmr::{NtStatus, Result};
use wdk_sys::ntddk::{
    IoAllocateIrp, IoCancelIrp, IoFreeIrp, IoReuseIrp, KeDelayExecutionThread, KeInitializeEvent,
    KeSetEvent, KeWaitForSingleObject,
};
use wdk_sys::{
    _EVENT_TYPE, _KWAIT_REASON, DEVICE_OBJECT, IRP, KEVENT, LARGE_INTEGER, NTSTATUS, PIRP,
};

/// How long a request is waited for before it is cancelled, in units of 100 ns.
const PATIENCE: i64 = 5 * 10_000;

/// An IRP with an event that its completion sets.
pub(crate) struct Request {
    irp: NonNull<IRP>,
    /// In a box: the I/O manager knows its address.
    done: Box<UnsafeCell<KEVENT>>,
}

impl Request {
    pub(crate) fn new() -> Result<Self> {
        let done = try_box(UnsafeCell::new(KEVENT::default()))?;
        // SAFETY: requests may be allocated at any IRQL up to `DISPATCH_LEVEL`.
        let irp = unsafe { IoAllocateIrp(1, 0) };
        let irp = NonNull::new(irp).ok_or(NtStatus::INSUFFICIENT_RESOURCES)?;
        Ok(Self { irp, done })
    }

    /// Makes a call with the IRP and waits until that is complete; one that takes too long is
    /// cancelled. Returns what the request has come to.
    pub(crate) fn run(
        &mut self,
        call: impl FnOnce(PIRP) -> NTSTATUS,
        passive: &PassiveLevel<'_>,
    ) -> Result<usize> {
        self.prepare();
        // The IRP is completed whatever the call returns.
        let _ = call(self.irp.as_ptr());
        let mut patience = LARGE_INTEGER {
            QuadPart: -PATIENCE,
        };
        if !self.wait(&raw mut patience, passive) {
            // SAFETY: the request is pending, or is being completed: its routine keeps it.
            unsafe { IoCancelIrp(self.irp.as_ptr()) };
            self.wait(ptr::null_mut(), passive);
        }
        self.outcome()
    }

    /// The same for a call that must come to its end.
    pub(crate) fn run_to_end(
        &mut self,
        call: impl FnOnce(PIRP) -> NTSTATUS,
        passive: &PassiveLevel<'_>,
    ) -> Result<usize> {
        self.prepare();
        let _ = call(self.irp.as_ptr());
        self.wait(ptr::null_mut(), passive);
        self.outcome()
    }

    fn prepare(&mut self) {
        const INVOKE_ALWAYS: u8 = 0xE0;
        let irp = self.irp.as_ptr();
        // SAFETY: the request is not pending, as each call waits for its end.
        unsafe { IoReuseIrp(irp, 0) };
        // SAFETY: nothing waits for the event.
        unsafe { KeInitializeEvent(self.done.get(), _EVENT_TYPE::NotificationEvent, 0) };
        // SAFETY: the request is not pending: nobody else uses it.
        let request = unsafe { &*irp };
        // SAFETY: a request that is not queued has an overlay there.
        let tail = unsafe { request.Tail.Overlay };
        // SAFETY: a request that is not queued has a stack location there.
        let current = unsafe { tail.__bindgen_anon_2.__bindgen_anon_1.CurrentStackLocation };
        // SAFETY: the request has one stack location, which is the next one, and is not pending.
        let next = unsafe { &mut *current.wrapping_sub(1) };
        next.CompletionRoutine = Some(on_done);
        next.Context = self.done.get().cast();
        next.Control = INVOKE_ALWAYS;
    }

    /// Waits until the request is complete. Returns `false` if that takes longer than
    /// `patience`, which may be null.
    fn wait(&self, patience: *mut LARGE_INTEGER, _: &PassiveLevel<'_>) -> bool {
        // SAFETY: the event is initialised, and the thread is at `PASSIVE_LEVEL`.
        let status = unsafe {
            KeWaitForSingleObject(
                self.done.get().cast(),
                _KWAIT_REASON::Executive,
                0,
                0,
                patience,
            )
        };
        status == 0
    }

    fn outcome(&self) -> Result<usize> {
        // SAFETY: the request is complete, and its routine has kept it.
        let block = unsafe { self.irp.as_ref() }.IoStatus;
        // SAFETY: a complete request has a status.
        let status = unsafe { block.__bindgen_anon_1.Status };
        NtStatus(status).ok()?;
        Ok(usize::try_from(block.Information).unwrap_or_default())
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // SAFETY: each call waits for the end of its request.
        unsafe { IoFreeIrp(self.irp.as_ptr()) };
    }
}

/// The completion routine. The thread that waits goes on with the IRP.
unsafe extern "C" fn on_done(_: *mut DEVICE_OBJECT, _: *mut IRP, done: *mut c_void) -> NTSTATUS {
    const MORE_PROCESSING_REQUIRED: NTSTATUS = 0xC000_0016_u32.cast_signed();
    // SAFETY: the event is there until the request is freed, which waits for it.
    unsafe { KeSetEvent(done.cast(), 0, 0) };
    MORE_PROCESSING_REQUIRED
}

/// Lets a moment pass.
pub(crate) fn pause(_: &PassiveLevel<'_>) {
    let mut moment = LARGE_INTEGER { QuadPart: -1_000 };
    // SAFETY: the thread is at `PASSIVE_LEVEL`.
    let _ = unsafe { KeDelayExecutionThread(0, 0, &raw mut moment) };
}
