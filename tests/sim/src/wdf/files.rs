// SPDX-License-Identifier: MIT OR Apache-2.0

//! From the I/O manager to a driver: requests for a device, and the files through which
//! they come.
//!
//! As in the framework, a request is marked pending before it is presented to the driver, so
//! that the driver may complete it at any time.

use windows_sys::Wdk::System::SystemServices::{
    IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL,
    IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_READ, IRP_MJ_SHUTDOWN, IRP_MJ_WRITE,
};
use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS,
};

use super::device::shutdown;
use super::objects::{self, Kind};
use super::request::{begin, finish};
use super::{call, handle, lifetimes, queue};
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::io::irp::{Irp, stack_location};
use crate::kernel::with;
use crate::loader::export::Export;
use crate::verifier::faults;

/// What a driver wants done with files.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    /// The driver's functions; 0 where there is none.
    pub(super) create: usize,
    pub(super) cleanup: usize,
    pub(super) close: usize,
    /// `true` if there is no request without a file.
    pub(super) required: bool,
    pub(super) attributes: objects::Attributes,
}

/// Each dispatch routine of each driver of the framework's.
pub(super) const DISPATCH: &Export = &Export::function(
    "wdf01000.sys",
    "FxDevice::Dispatch",
    DISPATCH_LEVEL,
    size_of::<i32>(),
    dispatch as *const (),
);

/// `FxDevice::Dispatch`.
unsafe extern "win64" fn dispatch(device: usize, irp: *mut Irp) -> i32 {
    // SAFETY: a request that is sent is in memory.
    let (major, file) = unsafe {
        let location = stack_location(irp);
        (u32::from((*location).major), (*location).file)
    };
    let files = with(|state| Some(state.wdf.devices.get(&device)?.files.clone()));
    let Some(files) = files else {
        return finish(irp, STATUS_INVALID_DEVICE_REQUEST);
    };
    match major {
        IRP_MJ_CREATE => open(device, irp, file, &files),
        IRP_MJ_CLEANUP => {
            tell(files.cleanup, "EvtFileCleanup", file);
            finish(irp, STATUS_SUCCESS)
        }
        IRP_MJ_CLOSE => {
            tell(files.close, "EvtFileClose", file);
            lifetimes::delete(file);
            finish(irp, STATUS_SUCCESS)
        }
        IRP_MJ_SHUTDOWN => shutdown::notify(device, irp),
        // A driver must expect it only if it has said that files are optional.
        IRP_MJ_READ | IRP_MJ_WRITE | IRP_MJ_DEVICE_CONTROL | IRP_MJ_INTERNAL_DEVICE_CONTROL
            if file != 0 || !files.required =>
        {
            match with(|state| {
                state
                    .wdf
                    .devices
                    .get(&device)
                    .map(|it| it.in_caller_context)
            }) {
                Some(routine) if routine != 0 => show_in_caller_context(device, irp, routine),
                _ => queue::insert(device, irp),
            }
        }
        _ => finish(irp, STATUS_INVALID_DEVICE_REQUEST),
    }
}

/// Presents a request to the driver before it is in a queue. The driver completes or enqueues it.
fn show_in_caller_context(device: usize, irp: *mut Irp, routine: usize) -> i32 {
    let pending = begin(device, None, irp);
    let arguments = [handle(device), handle(irp.addr())];
    // SAFETY: the callback takes these.
    unsafe { call("EvtIoInCallerContext", routine, device, &arguments) };
    pending
}

fn open(device: usize, irp: *mut Irp, file: usize, files: &Files) -> i32 {
    let made = with(|state| {
        let globals = state.wdf.devices.get(&device)?.globals;
        let attributes = &files.attributes;
        if attributes.has_context() && faults::fails(state, faults::FaultKind::Framework) {
            return None;
        }
        objects::add(state, globals, file, Kind::File, attributes, Some(device));
        Some(())
    });
    if made.is_none() {
        return finish(irp, STATUS_INSUFFICIENT_RESOURCES);
    }
    let routine = files.create;
    if routine == 0 {
        return finish(irp, STATUS_SUCCESS);
    }
    let pending = begin(device, None, irp);
    let arguments = [handle(device), handle(irp.addr()), handle(file)];
    // SAFETY: the callback takes these.
    unsafe { call("EvtDeviceFileCreate", routine, device, &arguments) };
    pending
}

/// Tells the driver of a file, if it wants to know.
fn tell(routine: usize, what: &'static str, file: usize) {
    if routine == 0 {
        return;
    }
    // SAFETY: the callback takes this.
    unsafe { call(what, routine, file, &[handle(file)]) };
}
