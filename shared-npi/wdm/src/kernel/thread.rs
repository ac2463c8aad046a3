// SPDX-License-Identifier: MIT OR Apache-2.0

//! System threads.
//!
//! A thread executes the image's code, so the driver must not unload before the
//! thread has ended: [`Thread::join`] waits for the thread object itself. A flag
//! that the thread sets as its last act is not enough, because after it the thread
//! still has to leave the image.

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

use nmr::abi::struct_size;
use nmr::irql::PassiveLevel;
use nmr::{NtStatus, Result};
use wdk_sys::_MODE::KernelMode;
use wdk_sys::ntddk::{
    KeBugCheckEx, PsCreateSystemThread, PsTerminateSystemThread, ZwClose, ZwWaitForSingleObject,
};
use wdk_sys::{HANDLE, KPROCESSOR_MODE, OBJ_KERNEL_HANDLE, OBJECT_ATTRIBUTES, THREAD_ALL_ACCESS};

/// `KernelMode`, the wait mode of a driver. In the header it is an `int`, but the functions
/// take a `KPROCESSOR_MODE`.
pub(crate) const KERNEL_MODE: KPROCESSOR_MODE = {
    assert!(KernelMode == 0);
    0
};

/// The number of threads of this image that were started and not yet joined.
static NOT_JOINED: AtomicUsize = AtomicUsize::new(0);

/// A system thread that has not been joined.
#[must_use = "a thread is joined before the driver unloads"]
#[derive(Debug)]
pub struct Thread(HANDLE);

// SAFETY: a kernel handle is valid in every thread.
unsafe impl Send for Thread {}
// SAFETY: a kernel handle is valid in every thread, and a shared reference gives no
// access to it.
unsafe impl Sync for Thread {}

impl Thread {
    /// Starts a thread that calls `routine` with `context`, at `PASSIVE_LEVEL`.
    /// IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-pscreatesystemthread>
    ///
    /// # Errors
    ///
    /// The status of `PsCreateSystemThread`.
    ///
    /// # Safety
    ///
    /// `routine` may be called with `context` until the thread is
    /// [joined](Self::join), which happens before the driver unloads; it ends with
    /// [`exit`].
    pub unsafe fn start(
        routine: unsafe extern "C" fn(context: *mut c_void),
        context: *mut c_void,
        _passive: &PassiveLevel<'_>,
    ) -> Result<Self> {
        // A kernel handle, because any process may be current at the unload.
        let mut attributes = OBJECT_ATTRIBUTES {
            Length: u32::from(struct_size::<OBJECT_ATTRIBUTES>()),
            Attributes: OBJ_KERNEL_HANDLE,
            ..OBJECT_ATTRIBUTES::default()
        };
        let mut handle = ptr::null_mut();
        // SAFETY: the handle and the attributes outlive the call; the routine may be
        // called with `context` by this function's contract.
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
        NtStatus(status).ok()?;
        NOT_JOINED.fetch_add(1, Ordering::Relaxed);
        Ok(Self(handle))
    }

    /// Waits until the thread has ended and executes no code of this image.
    /// IRQL = `PASSIVE_LEVEL`, not in the thread itself.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ntifs/nf-ntifs-zwwaitforsingleobject>
    pub fn join(self, _passive: &PassiveLevel<'_>) {
        // SAFETY: the handle is open, because only this function closes it. A wait
        // without a time-out that is not alertable returns success only.
        let _ = unsafe { ZwWaitForSingleObject(self.0, 0, ptr::null_mut()) };
        // SAFETY: the handle is open, and `self` is consumed, so that it is closed
        // once; closing an open handle succeeds.
        let _ = unsafe { ZwClose(self.0) };
        NOT_JOINED.fetch_sub(1, Ordering::Release);
    }
}

/// Terminates the current system thread. IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-psterminatesystemthread>
///
/// # Safety
///
/// The last call in a routine that [`Thread::start`] runs. The call does not return, so that no
/// local value of the routine is dropped after it.
pub unsafe fn exit(_passive: &PassiveLevel<'_>) {
    // SAFETY: by this function's contract this is the last call of a system thread, in which
    // it does not fail.
    let _ = unsafe { PsTerminateSystemThread(NtStatus::SUCCESS.0) };
}

/// Bug-checks if a thread of this image was not joined: the image is about to be
/// unmapped under it. Any IRQL.
///
/// The code is `DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS`, with which Windows
/// itself would bug-check as soon as the thread ran again. The first parameter is the number of
/// threads.
pub(crate) fn check_all_joined() {
    const DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS: u32 = 0xCE;
    let left = NOT_JOINED.load(Ordering::Acquire);
    if left != 0 {
        // SAFETY: callable at any IRQL, and takes any parameters.
        unsafe {
            KeBugCheckEx(
                DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS,
                left as u64,
                0,
                0,
                0,
            )
        };
    }
}
