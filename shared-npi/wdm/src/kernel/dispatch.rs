// SPDX-License-Identifier: MIT OR Apache-2.0

//! The dispatch routines of the control device.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nc-wdm-driver_dispatch>

use alloc::boxed::Box;

use nmr::NtStatus;
use nmr::irql::WaitAllowed;
use nmr::memory::try_box;
use wdk_sys::{
    DEVICE_OBJECT, DRIVER_OBJECT, IRP, IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_CREATE,
    IRP_MJ_DEVICE_CONTROL, NTSTATUS,
};

use super::irp::{Request, Session};
use crate::control::{self, Controlled};
use crate::unload_gate::UnloadGate;

/// The unload gate of this image's driver.
pub(crate) static UNLOAD_GATE: UnloadGate<DRIVER_OBJECT> = UnloadGate::new();

/// `DRIVER_DISPATCH`.
type Dispatch = unsafe extern "C" fn(*mut DEVICE_OBJECT, *mut IRP) -> NTSTATUS;

/// Sets the entries of the driver's dispatch table to the routines that serve the requests for
/// `C`. IRQL = `PASSIVE_LEVEL`.
pub(crate) fn set<C: Controlled>(driver: &mut DRIVER_OBJECT) {
    for (major, routine) in [
        (IRP_MJ_CREATE, create as Dispatch),
        (IRP_MJ_CLEANUP, cleanup),
        (IRP_MJ_CLOSE, close),
        (IRP_MJ_DEVICE_CONTROL, device_control::<C>),
    ] {
        if let Some(entry) = driver.MajorFunction.get_mut(major as usize) {
            *entry = Some(routine);
        }
    }
}

/// `IRP_MJ_CREATE`: opens a session. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the I/O manager.
unsafe extern "C" fn create(_device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the I/O manager passes an IRP to this routine alone.
    let request = unsafe { Request::new(irp) };
    let session = try_box(Session::new(&UNLOAD_GATE));
    let opened = session.and_then(|session| request.open(session));
    request.complete(opened.err().unwrap_or(NtStatus::SUCCESS), 0)
}

/// `IRP_MJ_CLEANUP`: the last handle is closed. Does nothing: requests that are still in
/// progress complete without help. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the I/O manager.
unsafe extern "C" fn cleanup(_device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the I/O manager passes an IRP to this routine alone.
    unsafe { Request::new(irp) }.complete(NtStatus::SUCCESS, 0)
}

/// `IRP_MJ_CLOSE`: ends the session. No request through the file is in progress, and
/// the driver may be unloaded as soon as this one is completed.
/// IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the I/O manager.
unsafe extern "C" fn close(_device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the I/O manager passes an IRP to this routine alone.
    let request = unsafe { Request::new(irp) };
    if let Some(session) = request.session() {
        // SAFETY: the session came from a box in `create`, nothing uses it after the last
        // request, and a file is closed once.
        drop(unsafe { Box::from_raw(session.as_ptr()) });
    }
    request.complete(NtStatus::SUCCESS, 0)
}

/// `IRP_MJ_DEVICE_CONTROL`: handles a control request in the caller's thread. Refuses a request
/// that another driver sends without a file. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the I/O manager.
unsafe extern "C" fn device_control<C: Controlled>(
    _device: *mut DEVICE_OBJECT,
    irp: *mut IRP,
) -> NTSTATUS {
    // SAFETY: the I/O manager passes an IRP to this routine alone.
    let mut request = unsafe { Request::new(irp) };
    let Some(session) = request.session() else {
        return request.complete(NtStatus::INVALID_DEVICE_REQUEST, 0);
    };
    // SAFETY: `create` stored the session, and `close` frees it after this request.
    let session = unsafe { session.as_ref() };
    // SAFETY: a request through a file comes at `PASSIVE_LEVEL` in the thread of the
    // program that opened it, in which no callback of NMR's runs.
    let wait = unsafe { WaitAllowed::assume() };
    // SAFETY: the I/O manager calls this routine for `IRP_MJ_DEVICE_CONTROL` only.
    let (code, buffer) = unsafe { request.control() };
    // SAFETY: the request came through the file of this session, which `close` drops
    // before it completes the file's `IRP_MJ_CLOSE`.
    let (status, length) = unsafe { control::handle::<C, _>(code, buffer, session, &wait) };
    request.complete(status, length)
}
