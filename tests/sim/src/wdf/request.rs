// SPDX-License-Identifier: MIT OR Apache-2.0

//! From the I/O manager to a driver's callbacks and back: requests, and the files
//! that they come through.
//!
//! As the framework does it: what is presented to the driver is marked pending
//! first, so that the driver may complete it whenever it likes.

use kmdf::abi::WDF_OBJECT_CONTEXT_TYPE_INFO;
use windows_sys::Wdk::System::SystemServices::{
    IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL,
};
use windows_sys::Win32::Foundation::{
    STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_PENDING, STATUS_SUCCESS,
};

use super::device::{Files, queue};
use super::{TAG, handle, object, unknown};
use crate::exports::exports;
use crate::findings;
use crate::findings::caller::caller;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::io::completion;
use crate::io::irp::{Irp, PENDING_RETURNED, stack_location};
use crate::kernel::{State, with};
use crate::loader::export::Export;
use crate::verifier::faults;
use crate::verifier::routine::{EntryState, check_return};

exports! {
    of "wdf01000.sys":
    "WdfObjectGetTypedContextWorker" <= DISPATCH_LEVEL => typed_context: usize;
    "WdfRequestCompleteWithInformation" <= DISPATCH_LEVEL => complete_with_information: ();
    "WdfRequestRetrieveInputBuffer" <= DISPATCH_LEVEL => retrieve_input_buffer: i32;
    "WdfRequestRetrieveOutputBuffer" <= DISPATCH_LEVEL => retrieve_output_buffer: i32;
    "WdfRequestGetFileObject" <= DISPATCH_LEVEL => get_file_object: usize;
}

/// Each dispatch routine of each driver of the framework's.
pub(super) const DISPATCH: &Export = &Export::function(
    "wdf01000.sys",
    "FxDevice::Dispatch",
    DISPATCH_LEVEL,
    size_of::<i32>(),
    dispatch as *const (),
);

type FileCreate = unsafe extern "win64" fn(device: usize, request: usize, file: usize);
type FileClose = unsafe extern "win64" fn(file: usize);
type Control =
    unsafe extern "win64" fn(queue: usize, request: usize, output: usize, input: usize, code: u32);

/// `FxDevice::Dispatch`.
unsafe extern "win64" fn dispatch(device: usize, irp: *mut Irp) -> i32 {
    // SAFETY: a request that is sent is in memory.
    let (major, file) = unsafe {
        let location = stack_location(irp);
        (u32::from((*location).major), (*location).file)
    };
    let known = with(|state| {
        let device = state.wdf.devices.get(&device)?;
        Some((device.files.clone(), device.control))
    });
    let Some((files, control)) = known else {
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
            with(|state| delete_context(state, file));
            finish(irp, STATUS_SUCCESS)
        }
        // A driver must expect it only if it has said that files are optional.
        IRP_MJ_DEVICE_CONTROL if file == 0 && files.required => {
            finish(irp, STATUS_INVALID_DEVICE_REQUEST)
        }
        IRP_MJ_DEVICE_CONTROL => match control {
            Some(routine) => present(device, irp, routine),
            None => finish(irp, STATUS_INVALID_DEVICE_REQUEST),
        },
        _ => finish(irp, STATUS_INVALID_DEVICE_REQUEST),
    }
}

/// Completes a request that the driver does not get to see; its status.
fn finish(irp: *mut Irp, status: i32) -> i32 {
    complete(irp, status, 0);
    status
}

fn complete(irp: *mut Irp, status: i32, information: usize) {
    // SAFETY: a request that is not complete is in memory.
    unsafe {
        (*irp).status = status;
        (*irp).information = information;
    }
    completion::complete(irp.addr());
}

/// Marks a request pending and lets `call` present it to the driver.
fn pend(irp: *mut Irp, what: &str, routine: usize, call: impl FnOnce()) -> i32 {
    // SAFETY: a request that is not complete is in memory.
    unsafe { (*stack_location(irp)).control |= PENDING_RETURNED };
    with(|state| state.wdf.requests.insert(irp.addr()));
    run(what, routine, call);
    STATUS_PENDING
}

/// Runs one of the driver's callbacks.
fn run(what: &str, routine: usize, call: impl FnOnce()) {
    let before = EntryState::now();
    call();
    let site = with(|state| state.loader.drivers.site(routine));
    check_return(what, before, site);
}

fn open(device: usize, irp: *mut Irp, file: usize, files: &Files) -> i32 {
    if let Some((_, size)) = files.context
        && !with(|state| make_context(state, file, size))
    {
        return finish(irp, STATUS_INSUFFICIENT_RESOURCES);
    }
    let routine = files.create;
    if routine == 0 {
        return finish(irp, STATUS_SUCCESS);
    }
    pend(irp, "EvtDeviceFileCreate", routine, || {
        // SAFETY: the driver set it for this; it has Windows' calling convention.
        let create = unsafe { std::mem::transmute::<usize, FileCreate>(routine) };
        // SAFETY: as above.
        unsafe { create(handle(device), handle(irp.addr()), handle(file)) };
    })
}

/// Tells the driver of a file, if it wants to know.
fn tell(routine: usize, what: &str, file: usize) {
    if routine == 0 {
        return;
    }
    run(what, routine, || {
        // SAFETY: the driver set it for this; it has Windows' calling convention.
        let tell = unsafe { std::mem::transmute::<usize, FileClose>(routine) };
        // SAFETY: as above.
        unsafe { tell(handle(file)) };
    });
}

fn present(device: usize, irp: *mut Irp, routine: usize) -> i32 {
    // SAFETY: a request that is sent is in memory.
    let (output, input, code) = unsafe {
        let location = stack_location(irp);
        (
            (*location).output_length,
            (*location).input_length,
            (*location).code,
        )
    };
    let code = u32::try_from(code).expect("a control code has 32 bits");
    pend(irp, "EvtIoDeviceControl", routine, || {
        // SAFETY: the driver set it for this; it has Windows' calling convention.
        let control = unsafe { std::mem::transmute::<usize, Control>(routine) };
        // SAFETY: as above.
        unsafe { control(queue(device), handle(irp.addr()), output, input, code) };
    })
}

/// The request with this handle.
fn request(handle: usize) -> *mut Irp {
    let irp = object(handle);
    if !with(|state| state.wdf.requests.contains(&irp)) {
        unknown(handle);
    }
    irp as *mut Irp
}

unsafe extern "win64" fn complete_with_information(
    _globals: usize,
    handle: usize,
    status: i32,
    information: usize,
) {
    let irp = request(handle);
    // SAFETY: a request that is not complete is in memory.
    let (major, file) = unsafe {
        let location = stack_location(irp);
        (u32::from((*location).major), (*location).file)
    };
    with(|state| {
        state.wdf.requests.remove(&irp.addr());
        if major == IRP_MJ_CREATE && status < 0 {
            delete_context(state, file);
        }
    });
    complete(irp, status, information);
}

unsafe extern "win64" fn get_file_object(_globals: usize, request_handle: usize) -> usize {
    let irp = request(request_handle);
    // SAFETY: a request that is not complete is in memory.
    match unsafe { (*stack_location(irp)).file } {
        0 => 0,
        file => handle(file),
    }
}

unsafe extern "win64" fn retrieve_input_buffer(
    _globals: usize,
    handle: usize,
    least: usize,
    buffer: *mut usize,
    length: *mut usize,
) -> i32 {
    let irp = request(handle);
    // SAFETY: a request that is not complete is in memory.
    let all = unsafe { (*stack_location(irp)).input_length };
    // SAFETY: both may be written, as documented.
    unsafe { retrieve(irp, all, least, buffer, length) }
}

unsafe extern "win64" fn retrieve_output_buffer(
    _globals: usize,
    handle: usize,
    least: usize,
    buffer: *mut usize,
    length: *mut usize,
) -> i32 {
    let irp = request(handle);
    // SAFETY: a request that is not complete is in memory.
    let all = unsafe { (*stack_location(irp)).output_length };
    // SAFETY: both may be written, as documented.
    unsafe { retrieve(irp, all, least, buffer, length) }
}

/// Answers the buffer of a request, of whose bytes `all` are meant and `least`
/// are wanted.
///
/// # Safety
///
/// `buffer` may be written, and `length` unless it is null.
unsafe fn retrieve(
    irp: *mut Irp,
    all: usize,
    least: usize,
    buffer: *mut usize,
    length: *mut usize,
) -> i32 {
    const METHOD: usize = 3;
    // SAFETY: a request that is not complete is in memory.
    let (code, place) = unsafe { ((*stack_location(irp)).code, (*irp).system_buffer) };
    if code & METHOD != 0 {
        findings::unsupported("retrieves the buffer of a request without METHOD_BUFFERED");
    }
    if all == 0 || all < least {
        return STATUS_BUFFER_TOO_SMALL;
    }
    // SAFETY: `buffer` may be written, and `length` unless it is null, by this
    // function's contract.
    unsafe { buffer.write(place) };
    if !length.is_null() {
        // SAFETY: as above.
        unsafe { length.write(all) };
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn typed_context(
    _globals: usize,
    handle: usize,
    wanted: *const WDF_OBJECT_CONTEXT_TYPE_INFO,
) -> usize {
    let file = object(handle);
    let found = with(|state| {
        let context = *state.wdf.contexts.get(&file)?;
        // SAFETY: an open file is in memory, its device at offset 8.
        let device = unsafe { *(file as *const usize).add(1) };
        let (kind, _) = state.wdf.devices.get(&device)?.files.context?;
        Some(if kind == wanted.addr() { context } else { 0 })
    });
    found.unwrap_or_else(|| unknown(handle))
}

fn make_context(state: &mut State, file: usize, size: usize) -> bool {
    let fails = faults::fails(state, faults::FaultKind::Framework);
    if !fails {
        let context = state.memory.pool.reserve(size, TAG);
        state.wdf.contexts.insert(file, context);
    }
    !fails
}

fn delete_context(state: &mut State, file: usize) {
    let Some(context) = state.wdf.contexts.remove(&file) else {
        return;
    };
    let by = caller(state);
    if state.memory.pool.free(context, TAG, by).is_err() {
        let what = "the context of a file was written beyond its end";
        findings::report(state, "wdf", what.to_owned(), by);
    }
}
