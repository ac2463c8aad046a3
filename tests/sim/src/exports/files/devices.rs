// SPDX-License-Identifier: MIT OR Apache-2.0

//! Devices that drivers open by name, and requests that they send to them by handle.
//!
//! A request is one of the thread that sends it. If the device was opened for synchronous I/O,
//! requests wait for each other, and the thread for their end. Another request that is pending
//! signals the event that it was sent with, or else the file object.

use windows_sys::Wdk::Foundation::DEVICE_OBJECT;
use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_TYPE_MISMATCH, STATUS_PENDING,
};

use super::opening::SYNCHRONIZE;
use crate::exports::exports;
use crate::exports::io::builds::{self, FileRequest};
use crate::exports::memory::access::get;
use crate::exports::sync::dispatcher::{self, Header, NOTIFICATION_EVENT};
use crate::exports::sync::event_handles;
use crate::findings::caller::caller;
use crate::findings::unsupported;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::io::files::FileFlags;
use crate::io::irp::Irp;
use crate::io::{requests, travel};
use crate::kernel::{State, with};
use crate::objects::events::Completion;
use crate::objects::handles::{self, Object};
use crate::objects::security::Account;
use crate::scheduling::{Waitable, block as wait_for};
use crate::verifier::faults::{self, FaultKind};

exports! {
    "ZwDeviceIoControlFile" <= PASSIVE_LEVEL => device_control: i32;
}

/// Options of a file that is opened for synchronous I/O, with alerts and without.
const ALERT: u32 = 0x10;
const NO_ALERT: u32 = 0x20;

/// The offset of `FILE_OBJECT::Event`.
const EVENT: usize = 0x98;

/// The object of a file that is signalled when a request is complete.
pub(in crate::exports) const fn event_of(file: usize) -> *mut Header {
    (file + EVENT) as *mut Header
}

/// Opens a device for the driver that calls. Returns its handle, and what the driver of the device
/// says was done.
pub(super) fn open(name: &str, access: u32, options: u32) -> Result<(usize, usize), i32> {
    let flags = FileFlags {
        is_synchronous: options & (ALERT | NO_ALERT) != 0,
        is_alertable: options & ALERT != 0,
    };
    if flags.is_synchronous && access & SYNCHRONIZE == 0 {
        return Err(STATUS_INVALID_PARAMETER);
    }
    if with(|state| faults::fails(state, FaultKind::Handle)) {
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    }
    let (file, information) = requests::open_file(name, Account::Kernel, access, flags)?;
    let event = event_of(file);
    // SAFETY: a file that is open is in memory, and has room for its event.
    unsafe { event.write(Header::new::<Header>(NOTIFICATION_EVENT, 0, event)) };
    let handle = with(|state| {
        let by = caller(state);
        // The handle keeps the file as a pointer does.
        handles::reference(state, file, by);
        let name = name.to_owned();
        let object = Object::DeviceFile { file, name };
        state.objects.handles.open(object, by)
    });
    Ok((handle, information))
}

/// Returns `true` if a handle is that of a device that was opened by name.
pub(super) fn is_device(handle: usize) -> bool {
    with(|state| {
        let object = state.objects.handles.get(handle);
        matches!(object, Some(Object::DeviceFile { .. }))
    })
}

/// Ends the cycle if a driver calls a function for a device that is for files of the volume here.
pub(super) fn forbid_device(handle: usize, function: &str) {
    if is_device(handle) {
        unsupported(format!("calls {function} for a device"));
    }
}

/// The file object that a handle stands for.
fn file_of(state: &State, handle: usize) -> Result<usize, i32> {
    match state.objects.handles.get(handle) {
        Some(Object::DeviceFile { file, .. }) => Ok(*file),
        Some(_) => Err(STATUS_OBJECT_TYPE_MISMATCH),
        None => Err(STATUS_INVALID_HANDLE),
    }
}

/// Sends a request to the device that a handle stands for, which `build` makes for the device on
/// top of its stack. Returns the request's status.
pub(super) fn send(
    function: &str,
    handle: usize,
    (event, routine): (usize, usize),
    block: usize,
    build: impl FnOnce(*const DEVICE_OBJECT, usize) -> *mut Irp,
) -> i32 {
    if routine != 0 {
        unsupported(format!("passes a routine to {function}"));
    }
    // Another thread may close the handle before the request keeps the file.
    let kept = with(|state| {
        let file = file_of(state, handle)?;
        let by = caller(state);
        handles::reference(state, file, by);
        Ok((file, by))
    });
    let (file, by) = match kept {
        Ok(kept) => kept,
        Err(status) => return status,
    };
    let is_synchronous = with(|state| state.io.files.is_synchronous(file));
    if is_synchronous {
        while !with(|state| state.io.files.begin_synchronous(file)) {
            wait_for(Waitable::Object(file), None);
        }
    }
    let status = send_now(file, event, block, build);
    with(|state| {
        if is_synchronous {
            state.io.files.end_synchronous(file);
            state.scheduling.wake_all(Waitable::Object(file));
        }
        handles::dereference(state, file, by);
    });
    status
}

/// Sends a request while no other one of a synchronous file is under way.
fn send_now(
    file: usize,
    event: usize,
    block: usize,
    build: impl FnOnce(*const DEVICE_OBJECT, usize) -> *mut Irp,
) -> i32 {
    let completion = match event_handles::begin_request(event) {
        Ok(completion) => completion,
        Err(status) => return status,
    };
    let (top, is_synchronous) = with(|state| {
        // SAFETY: a file that is open is in memory, with its event.
        unsafe { dispatcher::reset(event_of(file)) };
        let is_synchronous = state.io.files.is_synchronous(file);
        (travel::top(state.io.files.device(file)), is_synchronous)
    });
    let signalled = match completion {
        Some(Completion(event)) => event,
        None => event_of(file).addr(),
    };
    let irp = build(top as *const DEVICE_OBJECT, signalled);
    if irp.is_null() {
        event_handles::end_request(completion, true);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let also = is_synchronous && completion.is_some();
    let request = FileRequest {
        file,
        event: completion,
        signals_file: also.then(|| event_of(file).addr()),
    };
    builds::send_for_file(irp, request);
    // SAFETY: the request was just made for this device, which is in memory with its file.
    let status = unsafe { travel::call_driver(top, irp) };
    if status != STATUS_PENDING || !is_synchronous {
        return status;
    }
    // SAFETY: as above; the request in flight keeps the file.
    unsafe { dispatcher::wait(&[event_of(file)], false, std::ptr::null()) };
    get(block)
}

/// Waits for the end of a request that has no event, by the handle that it was sent with.
///
/// # Safety
///
/// The timeout is null or readable.
pub(in crate::exports) unsafe fn wait(file: usize, timeout: *const i64) -> i32 {
    with(|state| handles::retain(state, file));
    // SAFETY: the file is retained; the timeout is what this function's contract says.
    let status = unsafe { dispatcher::wait(&[event_of(file)], false, timeout) };
    with(|state| handles::release(state, file));
    status
}

/// Closes a handle that is one of a device. Returns `false` if it is none.
pub(in crate::exports) fn close(handle: usize) -> bool {
    let file = with(|state| handles::take_device_file(state, handle));
    if let Some(file) = file {
        requests::close(file);
    }
    file.is_some()
}

unsafe extern "win64" fn device_control(
    handle: usize,
    event: usize,
    routine: usize,
    _context: usize,
    block: usize,
    code: u32,
    input: usize,
    input_length: u32,
    output: usize,
    output_length: u32,
) -> i32 {
    const NAME: &str = "ZwDeviceIoControlFile";
    if with(|state| matches!(state.objects.handles.get(handle), Some(Object::File { .. }))) {
        unsupported(format!("calls {NAME} for a file of the volume"));
    }
    send(NAME, handle, (event, routine), block, |device, event| {
        // SAFETY: this passes on the driver's own arguments, under the same documented contract.
        unsafe {
            builds::device_control(
                code,
                device,
                input,
                input_length,
                output,
                output_length,
                0,
                event,
                block,
            )
        }
    })
}
