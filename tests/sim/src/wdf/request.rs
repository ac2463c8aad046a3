// SPDX-License-Identifier: MIT OR Apache-2.0

//! Requests that a driver owns: their parameters, completing and cancelling them.

use windows_sys::Wdk::System::SystemServices::IRP_MJ_CREATE;
use windows_sys::Win32::Foundation::{
    STATUS_CANCELLED, STATUS_INVALID_DEVICE_REQUEST, STATUS_PENDING, STATUS_SUCCESS,
};

use super::objects::{self, Kind};
use super::{call, handle, lifetimes, queue};
use crate::calls::bind;
use crate::exports::execution::levels;
use crate::exports::exports;
use crate::exports::io::builds;
use crate::findings::stop;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::io::completion;
use crate::io::irp::{Irp, PENDING_RETURNED, stack_location};
use crate::kernel::{State, with};
use crate::loader::export::Export;
use crate::verifier::locks;

exports! {
    of "wdf01000.sys":
    "WdfRequestComplete" <= DISPATCH_LEVEL => complete_with_status: ();
    "WdfRequestCompleteWithPriorityBoost" <= DISPATCH_LEVEL => complete_with_boost: ();
    "WdfRequestCompleteWithInformation" <= DISPATCH_LEVEL => complete_with_information: ();
    "WdfRequestSetInformation" <= DISPATCH_LEVEL => set_information: ();
    "WdfRequestGetInformation" <= DISPATCH_LEVEL => information: usize;
    "WdfRequestGetStatus" <= DISPATCH_LEVEL => status: i32;
    "WdfRequestGetParameters" <= DISPATCH_LEVEL => parameters: ();
    "WdfRequestGetRequestorMode" <= DISPATCH_LEVEL => requestor_mode: u8;
    "WdfRequestGetIoQueue" <= DISPATCH_LEVEL => queue_of: usize;
    "WdfRequestGetFileObject" <= DISPATCH_LEVEL => get_file_object: usize;
    "WdfRequestWdmGetIrp" <= DISPATCH_LEVEL => irp_of: usize;
    "WdfRequestMarkCancelable" <= DISPATCH_LEVEL => mark: ();
    "WdfRequestMarkCancelableEx" <= DISPATCH_LEVEL => mark_ex: i32;
    "WdfRequestUnmarkCancelable" <= DISPATCH_LEVEL => unmark: i32;
    "WdfRequestIsCanceled" <= DISPATCH_LEVEL => is_cancelled: u8;
}

/// The cancel routine of each request that can be cancelled.
const CANCEL: &Export = &Export::function(
    "wdf01000.sys",
    "FxRequest::Cancel",
    DISPATCH_LEVEL,
    0,
    cancel as *const (),
);

/// Who completes a request that is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cancel {
    /// Nobody: the driver has it and did not ask.
    Ignored,
    /// The queue that it waits in.
    ByQueue,
    /// The driver's `EvtRequestCancel`.
    ByDriver(usize),
    /// It was called.
    Called,
}

/// A request that is presented to a driver, or waits for that.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) globals: usize,
    queue: Option<usize>,
    cancel: Cancel,
    /// The memory objects of its input and its output.
    pub(super) memories: [Option<usize>; 2],
    /// The MDLs that were made for them.
    pub(super) mdls: [Option<usize>; 2],
}

/// Completes a request that the driver does not get to see; its status.
pub(super) fn finish(irp: *mut Irp, status: i32) -> i32 {
    complete_irp(irp, status, 0);
    status
}

fn complete_irp(irp: *mut Irp, status: i32, information: usize) {
    // SAFETY: a request that is not complete is in memory.
    unsafe {
        (*irp).status = status;
        (*irp).information = information;
    }
    completion::complete(irp.addr(), builds::finish);
}

/// Makes the request object, and marks the request pending. Returns the status that
/// says so.
pub(super) fn begin(device: usize, queue: Option<usize>, irp: *mut Irp) -> i32 {
    // SAFETY: a request that is not complete is in memory.
    unsafe { (*stack_location(irp)).control |= PENDING_RETURNED };
    with(|state| {
        let Some(owner) = state.wdf.devices.get(&device) else {
            return;
        };
        let (globals, attributes) = (owner.globals, owner.requests);
        let parent = Some(queue.unwrap_or(device));
        objects::add(
            state,
            globals,
            irp.addr(),
            Kind::Request,
            &attributes,
            parent,
        );
        let request = Request {
            globals,
            queue,
            cancel: Cancel::Ignored,
            memories: [None; 2],
            mdls: [None; 2],
        };
        state.wdf.requests.insert(irp.addr(), request);
    });
    STATUS_PENDING
}

/// The request with this handle.
pub(super) fn request(handle: usize) -> *mut Irp {
    objects::find(handle, Kind::Request) as *mut Irp
}

pub(super) fn change<R>(irp: *mut Irp, change: impl FnOnce(&mut Request) -> R) -> Option<R> {
    with(|state| state.wdf.requests.get_mut(&irp.addr()).map(change))
}

/// Lets a request that waits in a queue be cancelled.
pub(super) fn let_cancel(irp: *mut Irp) {
    set_cancel(irp, Cancel::ByQueue);
    // SAFETY: a request that is not complete is in memory.
    let late = unsafe { (*irp).cancel != 0 && (*irp).cancel_routine != 0 };
    if late {
        forbid_cancel(irp);
        cancelled(irp);
    }
}

fn set_cancel(irp: *mut Irp, by: Cancel) {
    let routine = with(|state| {
        let request = state.wdf.requests.get_mut(&irp.addr())?;
        request.cancel = by;
        let globals = request.globals;
        let driver = state.wdf.clients.get(&globals)?.driver;
        Some(bind(state, driver, CANCEL))
    });
    // SAFETY: a request that is not complete is in memory.
    unsafe { (*irp).cancel_routine = routine.unwrap_or_default() };
}

/// Transfers a request from a queue to the driver.
pub(super) fn hand_over(state: &mut State, irp: usize) {
    if let Some(request) = state.wdf.requests.get_mut(&irp) {
        request.cancel = Cancel::Ignored;
    }
    forbid_cancel(irp as *mut Irp);
}

/// Takes the cancel routine away. Returns `true` if it was there.
pub(super) fn forbid_cancel(irp: *mut Irp) -> bool {
    // SAFETY: a request that is not complete is in memory.
    unsafe { std::mem::take(&mut (*irp).cancel_routine) != 0 }
}

/// Returns the queue from which a request comes, or in which it waits.
pub(super) fn queue(irp: *mut Irp) -> Option<usize> {
    change(irp, |request| request.queue).flatten()
}

/// Moves a request to another queue.
pub(super) fn set_queue(irp: *mut Irp, at: usize) {
    change(irp, |request| request.queue = Some(at));
    with(|state| objects::set_parent(state, irp.addr(), at));
}

/// Returns `true` if the driver owns a request that is not cancelable.
pub(super) fn is_owned(irp: *mut Irp) -> bool {
    change(irp, |request| request.cancel) == Some(Cancel::Ignored)
}

/// Cancels a request that waits in a queue.
pub(super) fn cancel_waiting(irp: *mut Irp) {
    forbid_cancel(irp);
    // SAFETY: a request that is not complete is in memory.
    unsafe { (*irp).cancel = 1 };
    cancelled(irp);
}

/// Cancels the requests of a queue that the driver has made cancelable.
pub(super) fn cancel_cancelable(at: usize) {
    let cancelable = with(|state| {
        let all = state.wdf.requests.iter();
        let own = all.filter(|(_, it)| it.queue == Some(at));
        own.filter(|(_, it)| matches!(it.cancel, Cancel::ByDriver(_)))
            .map(|(&irp, _)| irp)
            .collect::<Vec<_>>()
    });
    for irp in cancelable {
        let is_there = with(|state| state.wdf.requests.contains_key(&irp));
        if is_there && forbid_cancel(irp as *mut Irp) {
            // SAFETY: a request that is not complete is in memory.
            unsafe { (*(irp as *mut Irp)).cancel = 1 };
            cancelled(irp as *mut Irp);
        }
    }
}

/// `FxRequest::Cancel`.
unsafe extern "win64" fn cancel(_device: usize, irp: *mut Irp) {
    locks::release_cancel();
    // SAFETY: a request that is not complete is in memory.
    levels::lower(unsafe { (*irp).cancel_irql });
    cancelled(irp);
}

fn cancelled(irp: *mut Irp) {
    let Some((by, at)) = change(irp, |request| (request.cancel, request.queue)) else {
        return;
    };
    match (by, at) {
        (Cancel::ByQueue, Some(at)) => match queue::withdraw(at, irp.addr()) {
            Some(0) => end(irp, STATUS_CANCELLED, 0),
            Some(routine) => {
                let arguments = [handle(at), handle(irp.addr())];
                // SAFETY: the callback takes these.
                unsafe { call("EvtIoCanceledOnQueue", routine, at, &arguments) };
            }
            None => {}
        },
        (Cancel::ByDriver(routine), at) => {
            change(irp, |request| request.cancel = Cancel::Called);
            let at = at.unwrap_or_default();
            // SAFETY: the callback takes this.
            unsafe { call("EvtRequestCancel", routine, at, &[handle(irp.addr())]) };
        }
        _ => {}
    }
}

/// Ends a request.
fn end(irp: *mut Irp, status: i32, information: usize) {
    // SAFETY: a request that is not complete is in memory.
    let (major, file) = unsafe {
        let location = stack_location(irp);
        (u32::from((*location).major), (*location).file)
    };
    let request = with(|state| state.wdf.requests.remove(&irp.addr()));
    lifetimes::delete(irp.addr());
    for mdl in request.iter().flat_map(|it| it.mdls).flatten() {
        with(|state| state.memory.pool.free(mdl, 0, None)).ok();
    }
    if major == IRP_MJ_CREATE && status < 0 {
        lifetimes::delete(file);
    }
    complete_irp(irp, status, information);
    if let Some(queue) = request.and_then(|request| request.queue) {
        queue::completed(queue);
    }
}

fn complete(handle: usize, status: i32, information: Option<usize>) {
    let irp = request(handle);
    let by = change(irp, |request| request.cancel);
    if let Some(Cancel::ByDriver(_)) = by
        && forbid_cancel(irp)
    {
        let what = "a request was completed while it is cancelable: call \
                    WdfRequestUnmarkCancelable first";
        stop("wdf", what.to_owned());
    }
    // SAFETY: a request that is not complete is in memory.
    let set = unsafe { (*irp).information };
    end(irp, status, information.unwrap_or(set));
}

unsafe extern "win64" fn complete_with_status(_globals: usize, handle: usize, status: i32) {
    complete(handle, status, None);
}

unsafe extern "win64" fn complete_with_boost(
    _globals: usize,
    handle: usize,
    status: i32,
    _boost: i8,
) {
    complete(handle, status, None);
}

unsafe extern "win64" fn complete_with_information(
    _globals: usize,
    handle: usize,
    status: i32,
    information: usize,
) {
    complete(handle, status, Some(information));
}

unsafe extern "win64" fn set_information(_globals: usize, handle: usize, information: usize) {
    // SAFETY: a request that is not complete is in memory.
    unsafe { (*request(handle)).information = information };
}

unsafe extern "win64" fn information(_globals: usize, handle: usize) -> usize {
    // SAFETY: a request that is not complete is in memory.
    unsafe { (*request(handle)).information }
}

unsafe extern "win64" fn status(_globals: usize, handle: usize) -> i32 {
    // SAFETY: a request that is not complete is in memory.
    unsafe { (*request(handle)).status }
}

/// `WDF_REQUEST_PARAMETERS`.
#[repr(C)]
struct RequestParameters {
    size: u16,
    minor: u8,
    kind: u32,
    values: [usize; 4],
}

const _: () = assert!(size_of::<RequestParameters>() == 0x28);

unsafe extern "win64" fn parameters(_globals: usize, handle: usize, to: *mut RequestParameters) {
    let irp = request(handle);
    // SAFETY: a request that the framework has is in memory.
    let location = unsafe { stack_location(irp) };
    // SAFETY: a request that is not complete is in memory.
    let (major, values) = unsafe {
        let values = location.cast::<[usize; 4]>().byte_add(8).read();
        (u32::from((*location).major), values)
    };
    // SAFETY: it may be written, as documented.
    unsafe {
        (*to).minor = 0;
        (*to).kind = major;
        (*to).values = values;
    }
}

/// Programs send all requests.
unsafe extern "win64" fn requestor_mode(_globals: usize, handle: usize) -> u8 {
    const USER_MODE: u8 = 1;
    request(handle);
    USER_MODE
}

unsafe extern "win64" fn queue_of(_globals: usize, request_handle: usize) -> usize {
    let irp = request(request_handle);
    change(irp, |request| request.queue)
        .flatten()
        .map_or(0, handle)
}

unsafe extern "win64" fn irp_of(_globals: usize, handle: usize) -> usize {
    request(handle).addr()
}

unsafe extern "win64" fn get_file_object(_globals: usize, request_handle: usize) -> usize {
    let irp = request(request_handle);
    // SAFETY: a request that is not complete is in memory.
    match unsafe { (*stack_location(irp)).file } {
        0 => 0,
        file => handle(file),
    }
}

/// Makes a request cancelable. Returns `false` if it is cancelled already.
fn mark_cancelable(handle: usize, routine: usize) -> bool {
    let irp = request(handle);
    if let Some(Cancel::ByDriver(_)) = change(irp, |request| request.cancel) {
        let what = "a request was made cancelable that is cancelable already";
        stop("wdf", what.to_owned());
    }
    // SAFETY: a request that is not complete is in memory.
    if unsafe { (*irp).cancel } != 0 {
        return false;
    }
    set_cancel(irp, Cancel::ByDriver(routine));
    true
}

unsafe extern "win64" fn mark(_globals: usize, handle: usize, routine: usize) {
    if !mark_cancelable(handle, routine) {
        let irp = request(handle);
        change(irp, |request| request.cancel = Cancel::ByDriver(routine));
        cancelled(irp);
    }
}

unsafe extern "win64" fn mark_ex(_globals: usize, handle: usize, routine: usize) -> i32 {
    if mark_cancelable(handle, routine) {
        STATUS_SUCCESS
    } else {
        STATUS_CANCELLED
    }
}

unsafe extern "win64" fn unmark(_globals: usize, handle: usize) -> i32 {
    let irp = request(handle);
    match change(irp, |request| request.cancel) {
        Some(Cancel::ByDriver(_)) if forbid_cancel(irp) => {
            change(irp, |request| request.cancel = Cancel::Ignored);
            STATUS_SUCCESS
        }
        Some(Cancel::ByDriver(_) | Cancel::Called) => STATUS_CANCELLED,
        _ => STATUS_INVALID_DEVICE_REQUEST,
    }
}

unsafe extern "win64" fn is_cancelled(_globals: usize, handle: usize) -> u8 {
    // SAFETY: a request that is not complete is in memory.
    u8::from(unsafe { (*request(handle)).cancel } != 0)
}
