// SPDX-License-Identifier: MIT OR Apache-2.0

//! An IRP that the I/O manager has passed to a dispatch routine.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/kernel/handling-irps>

use alloc::boxed::Box;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::slice;

use nmr::{NtStatus, Result};
use wdk_sys::ntddk::IofCompleteRequest;
use wdk_sys::{DRIVER_OBJECT, FILE_OBJECT, IO_STACK_LOCATION, IRP, NTSTATUS};

use crate::control::{self, Buffer};

/// The session of a control device's file.
pub(crate) type Session = control::Session<'static, DRIVER_OBJECT>;

/// A request that this driver must complete. It has a pointer to the IRP, not a reference,
/// because completing the IRP frees it.
///
/// # Invariants
///
/// Until it is completed, the IRP and its stack location are valid, and so is its
/// file object, if it has one.
#[must_use = "a request must be completed"]
pub(crate) struct Request {
    irp: *mut IRP,
    stack: *const IO_STACK_LOCATION,
}

impl Request {
    /// Wraps the request `irp`. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Safety
    ///
    /// The I/O manager has passed `irp` to a dispatch routine that is running, and
    /// no other `Request` is made of it.
    pub(crate) unsafe fn new(irp: *mut IRP) -> Self {
        // This is `IoGetCurrentIrpStackLocation`, an inline function of the header.
        // SAFETY: the IRP is valid by this function's contract.
        let tail = unsafe { &(*irp).Tail };
        // SAFETY: while a driver has the IRP, `Overlay` is the valid member of `Tail`.
        let overlay = unsafe { &tail.Overlay };
        let place = &overlay.__bindgen_anon_2.__bindgen_anon_1;
        // SAFETY: while a dispatch routine has the IRP, this union holds the current
        // stack location.
        let stack = unsafe { place.CurrentStackLocation };
        Self { irp, stack }
    }

    /// The file object through which the request came, if it came through one.
    fn file(&self) -> Option<NonNull<FILE_OBJECT>> {
        // SAFETY: the stack location is valid by the invariant.
        NonNull::new(unsafe { (*self.stack).FileObject })
    }

    /// Sets the session of the request's file. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_INVALID_DEVICE_REQUEST` if the request has no file.
    pub(crate) fn open(&self, session: Box<Session>) -> Result {
        let file = self.file().ok_or(NtStatus::INVALID_DEVICE_REQUEST)?;
        let session = Box::into_raw(session);
        // SAFETY: the file object is valid by the invariant, and `FsContext` is for
        // the driver that owns the device.
        unsafe { (*file.as_ptr()).FsContext = session.cast() };
        Ok(())
    }

    /// The session of the request's file, if both exist. IRQL <= `DISPATCH_LEVEL`.
    pub(crate) fn session(&self) -> Option<NonNull<Session>> {
        let file = self.file()?;
        // SAFETY: the file object is valid by the invariant.
        let session = unsafe { (*file.as_ptr()).FsContext };
        NonNull::new(session.cast())
    }

    /// The control code and the buffer of a control request. The buffer is empty if the method
    /// is not `METHOD_BUFFERED`. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Safety
    ///
    /// The request is an `IRP_MJ_DEVICE_CONTROL`.
    pub(crate) unsafe fn control(&mut self) -> (u32, Buffer<'_>) {
        // SAFETY: the stack location is valid by the invariant.
        let parameters = unsafe { &(*self.stack).Parameters };
        // SAFETY: this is the union's member for an `IRP_MJ_DEVICE_CONTROL`.
        let parameters = unsafe { &parameters.DeviceIoControl };
        let code = parameters.IoControlCode;
        let input = parameters.InputBufferLength as usize;
        let output = parameters.OutputBufferLength as usize;
        // SAFETY: the IRP is valid by the invariant.
        let associated = unsafe { (*self.irp).AssociatedIrp };
        // SAFETY: this is the union's member for a request to a device; all members
        // are of the size of a pointer, and initialized.
        let system_buffer = unsafe { associated.SystemBuffer };
        let bytes = match NonNull::new(system_buffer.cast::<MaybeUninit<u8>>()) {
            // SAFETY: with `METHOD_BUFFERED` the I/O manager has allocated the
            // longer of both lengths, and nothing else uses the buffer until the
            // request is completed.
            Some(bytes) if control::is_buffered(code) => unsafe {
                slice::from_raw_parts_mut(bytes.as_ptr(), input.max(output))
            },
            _ => Default::default(),
        };
        // SAFETY: the I/O manager has copied the input into the buffer.
        let buffer = unsafe { Buffer::new(bytes, input, output) };
        (code, buffer)
    }

    /// Completes the request with `length` bytes of output, and returns the value
    /// for the dispatch routine to return. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-iofcompleterequest>
    pub(crate) fn complete(self, status: NtStatus, length: usize) -> NTSTATUS {
        const IO_NO_INCREMENT: i8 = 0;
        // SAFETY: the IRP is valid by the invariant, and belongs to this driver.
        let result = unsafe { &mut (*self.irp).IoStatus };
        result.__bindgen_anon_1.Status = status.0;
        // `ULONG_PTR`, which is 64 bits wide in all builds.
        result.Information = length as u64;
        // SAFETY: the request belongs to this driver, and is completed once, because it is
        // consumed.
        unsafe { IofCompleteRequest(self.irp, IO_NO_INCREMENT) };
        status.0
    }
}
