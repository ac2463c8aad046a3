// SPDX-License-Identifier: MIT OR Apache-2.0

//! Queues: the callback for a request, and when the request is presented.

use std::collections::{BTreeSet, VecDeque};

use kmdf::abi::{WDF_IO_QUEUE_CONFIG, WDF_OBJECT_ATTRIBUTES, WdfIoQueueDispatchParallel};
use windows_sys::Wdk::System::SystemServices::{
    IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_READ, IRP_MJ_WRITE,
};
use windows_sys::Win32::Foundation::{
    STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_STATE,
    STATUS_INVALID_PARAMETER, STATUS_NO_MORE_ENTRIES, STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
};

use super::objects::{self, Kind};
use super::{call, handle, request};
use crate::exports::exports;
use crate::hardware::irql::{DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::io::irp::{Irp, stack_location};
use crate::kernel::{State, with};
use crate::scheduling::{ThreadId, Waitable, block};

exports! {
    of "wdf01000.sys":
    "WdfIoQueueCreate" <= DISPATCH_LEVEL => create: i32;
    "WdfIoQueueGetDevice" <= DISPATCH_LEVEL => device_of: usize;
    "WdfIoQueueRetrieveNextRequest" <= DISPATCH_LEVEL => retrieve_next: i32;
    "WdfDeviceGetDefaultQueue" <= DISPATCH_LEVEL => default_queue: usize;
    "WdfDeviceConfigureRequestDispatching" <= DISPATCH_LEVEL => route: i32;
    "WdfDeviceEnqueueRequest" <= DISPATCH_LEVEL => enqueue: i32;
    "WdfRequestForwardToIoQueue" <= DISPATCH_LEVEL => forward: i32;
    "WdfIoQueueStart" <= DISPATCH_LEVEL => start: ();
    "WdfIoQueueDrain" <= DISPATCH_LEVEL => drain: ();
    "WdfIoQueueDrainSynchronously" <= PASSIVE_LEVEL => drain_and_wait: ();
    "WdfIoQueuePurge" <= DISPATCH_LEVEL => purge: ();
    "WdfIoQueuePurgeSynchronously" <= PASSIVE_LEVEL => purge_and_wait: ();
}

/// `WdfIoQueueDispatchSequential` and `WdfIoQueueDispatchManual`.
const SEQUENTIAL: u32 = 1;
const MANUAL: u32 = 3;
const PARALLEL: u32 = WdfIoQueueDispatchParallel;
const STATUS_WDF_BUSY: i32 = 0xC020_0204_u32.cast_signed();

/// A queue.
#[derive(Debug)]
pub(super) struct Queue {
    device: usize,
    /// How many requests the driver may have at a time; 0 if it asks for each.
    most: usize,
    /// The driver's functions by the requests that they take; 0 where there is none.
    default: usize,
    read: usize,
    write: usize,
    control: usize,
    internal: usize,
    /// Called for a request that is cancelled here.
    cancelled: usize,
    waiting: VecDeque<usize>,
    /// How many requests the driver has.
    presented: usize,
    /// The threads that present requests.
    presenting: BTreeSet<ThreadId>,
    /// `true` if the queue accepts no further requests, because it is drained or purged.
    is_closed: bool,
    /// The routine that is called once a closed queue is empty, with its context.
    emptied: Option<(usize, usize)>,
}

impl Queue {
    /// Returns `true` if neither the queue nor the driver has a request of the queue.
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.presented == 0
    }

    /// The callback for a request.
    const fn routine(&self, major: u32) -> usize {
        let routine = match major {
            IRP_MJ_READ => self.read,
            IRP_MJ_WRITE => self.write,
            IRP_MJ_DEVICE_CONTROL => self.control,
            IRP_MJ_INTERNAL_DEVICE_CONTROL => self.internal,
            _ => 0,
        };
        if routine == 0 { self.default } else { routine }
    }
}

unsafe extern "win64" fn create(
    globals: usize,
    device: usize,
    config: *const WDF_IO_QUEUE_CONFIG,
    given: *const WDF_OBJECT_ATTRIBUTES,
    queue: *mut usize,
) -> i32 {
    let device = objects::find(device, Kind::Device);
    // SAFETY: it is valid, as documented.
    let config = unsafe { &*config };
    // Up to version 1.9 the last field is the number of presented requests.
    let full = size_of::<WDF_IO_QUEUE_CONFIG>();
    if ![full, full - size_of::<usize>()].contains(&(config.Size as usize)) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    let most = match (config.DispatchType, config.NumberOfPresentedRequests) {
        (SEQUENTIAL, _) => 1,
        (MANUAL, _) => 0,
        (PARALLEL, 1..) => config.NumberOfPresentedRequests as usize,
        _ => return STATUS_INVALID_PARAMETER,
    };
    // SAFETY: they are null or valid, as documented.
    let given = match unsafe { objects::attributes(given) } {
        Ok(given) => given,
        Err(status) => return status,
    };
    let is_default = config.DefaultQueue != 0;
    if is_default && default_of(device).is_some() {
        return STATUS_UNSUCCESSFUL;
    }
    let new = Queue {
        device,
        most,
        default: config.EvtIoDefault.addr(),
        read: config.EvtIoRead.addr(),
        write: config.EvtIoWrite.addr(),
        control: config.EvtIoDeviceControl.map_or(0, |it| it as usize),
        internal: config.EvtIoInternalDeviceControl.addr(),
        cancelled: config.EvtIoCanceledOnQueue.addr(),
        waiting: VecDeque::new(),
        presented: 0,
        presenting: BTreeSet::new(),
        is_closed: false,
        emptied: None,
    };
    let created = objects::create(globals, Kind::Queue, &given, device);
    if let Some(at) = created {
        with(|state| {
            state.wdf.queues.insert(at, new);
            if is_default && let Some(device) = state.wdf.devices.get_mut(&device) {
                device.default_queue = Some(at);
            }
        });
    }
    // SAFETY: it may be written unless it is null, as documented.
    unsafe { objects::publish(queue, created) }
}

fn default_of(device: usize) -> Option<usize> {
    with(|state| state.wdf.devices.get(&device)?.default_queue)
}

unsafe extern "win64" fn default_queue(_globals: usize, device: usize) -> usize {
    default_of(objects::find(device, Kind::Device)).map_or(0, handle)
}

unsafe extern "win64" fn device_of(_globals: usize, queue: usize) -> usize {
    let at = objects::find(queue, Kind::Queue);
    handle(with(|state| state.wdf.queues[&at].device))
}

unsafe extern "win64" fn route(_globals: usize, device: usize, queue: usize, kind: u32) -> i32 {
    let device = objects::find(device, Kind::Device);
    let queue = objects::find(queue, Kind::Queue);
    let Ok(major) = u8::try_from(kind) else {
        return STATUS_INVALID_PARAMETER;
    };
    with(|state| {
        if let Some(device) = state.wdf.devices.get_mut(&device) {
            device.queues.insert(major, queue);
        }
    });
    STATUS_SUCCESS
}

/// The queue for a request to a device, if it has one that takes it.
fn queue_for(device: usize, major: u32) -> Option<usize> {
    with(|state| {
        let device = state.wdf.devices.get(&device)?;
        let own = u8::try_from(major)
            .ok()
            .and_then(|it| device.queues.get(&it));
        let at = own.copied().or(device.default_queue)?;
        let queue = state.wdf.queues.get(&at)?;
        (queue.most == 0 || queue.routine(major) != 0).then_some(at)
    })
}

/// Puts a request that was sent into its queue. Returns its status.
pub(super) fn insert(device: usize, irp: *mut Irp) -> i32 {
    // SAFETY: a request that is sent is in memory.
    let major = u32::from(unsafe { (*stack_location(irp)).major });
    let Some(at) = queue_for(device, major) else {
        return request::finish(irp, STATUS_INVALID_DEVICE_REQUEST);
    };
    if is_closed(at) {
        return request::finish(irp, STATUS_INVALID_DEVICE_STATE);
    }
    let pending = request::begin(device, Some(at), irp);
    push(at, irp);
    pending
}

fn is_closed(at: usize) -> bool {
    with(|state| state.wdf.queues.get(&at).is_some_and(|it| it.is_closed))
}

/// Puts a request at the end of a queue.
fn push(at: usize, irp: *mut Irp) {
    with(|state| {
        if let Some(queue) = state.wdf.queues.get_mut(&at) {
            queue.waiting.push_back(irp.addr());
        }
    });
    request::let_cancel(irp);
    present(at);
}

/// Enqueues a request that `EvtIoInCallerContext` has seen.
unsafe extern "win64" fn enqueue(_globals: usize, device: usize, handle: usize) -> i32 {
    let device = objects::find(device, Kind::Device);
    let irp = request::request(handle);
    // SAFETY: a request that is not complete is in memory.
    let major = u32::from(unsafe { (*stack_location(irp)).major });
    if request::queue(irp).is_some() {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    let Some(at) = queue_for(device, major) else {
        return STATUS_INVALID_DEVICE_REQUEST;
    };
    move_to(irp, at)
}

/// Puts a request of the driver into a queue, unless that is closed.
fn move_to(irp: *mut Irp, at: usize) -> i32 {
    if is_closed(at) {
        return STATUS_WDF_BUSY;
    }
    request::set_queue(irp, at);
    push(at, irp);
    STATUS_SUCCESS
}

unsafe extern "win64" fn forward(_globals: usize, handle: usize, queue: usize) -> i32 {
    let irp = request::request(handle);
    let at = objects::find(queue, Kind::Queue);
    let Some(source) = request::queue(irp) else {
        return STATUS_INVALID_DEVICE_REQUEST;
    };
    let is_elsewhere =
        with(|state| state.wdf.queues[&source].device != state.wdf.queues[&at].device);
    if source == at || is_elsewhere || !request::is_owned(irp) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    let status = move_to(irp, at);
    if status == STATUS_SUCCESS {
        completed(source);
    }
    status
}

unsafe extern "win64" fn start(_globals: usize, queue: usize) {
    let at = objects::find(queue, Kind::Queue);
    with(|state| {
        if let Some(queue) = state.wdf.queues.get_mut(&at) {
            queue.is_closed = false;
        }
    });
    present(at);
}

/// Closes a queue, and cancels its requests if it is purged.
fn close(queue: usize, is_purged: bool, emptied: Option<(usize, usize)>) -> usize {
    let at = objects::find(queue, Kind::Queue);
    with(|state| {
        if let Some(queue) = state.wdf.queues.get_mut(&at) {
            queue.is_closed = true;
            queue.emptied = emptied;
        }
    });
    let first = || with(|state| state.wdf.queues.get(&at)?.waiting.front().copied());
    while is_purged && let Some(irp) = first() {
        request::cancel_waiting(irp as *mut Irp);
    }
    if is_purged {
        request::cancel_cancelable(at);
    }
    settle(at);
    at
}

/// Waits until a closed queue is empty.
fn wait_until_empty(at: usize) {
    while with(|state| state.wdf.queues.get(&at).is_some_and(|it| !it.is_empty())) {
        block(Waitable::Object(at), None);
    }
}

/// Wakes the threads that wait for a closed queue to be empty, if it is.
fn settle(at: usize) {
    let told = with(|state| {
        let queue = state.wdf.queues.get_mut(&at)?;
        if !queue.is_closed || !queue.is_empty() {
            return None;
        }
        let emptied = queue.emptied.take();
        state.scheduling.wake_all(Waitable::Object(at));
        emptied
    });
    if let Some((routine, context)) = told
        && routine != 0
    {
        // SAFETY: the callback takes these.
        unsafe { call("EvtIoQueueState", routine, at, &[handle(at), context]) };
    }
}

unsafe extern "win64" fn drain(_globals: usize, queue: usize, routine: usize, context: usize) {
    close(queue, false, Some((routine, context)));
}

unsafe extern "win64" fn drain_and_wait(_globals: usize, queue: usize) {
    wait_until_empty(close(queue, false, None));
}

unsafe extern "win64" fn purge(_globals: usize, queue: usize, routine: usize, context: usize) {
    close(queue, true, Some((routine, context)));
}

unsafe extern "win64" fn purge_and_wait(_globals: usize, queue: usize) {
    wait_until_empty(close(queue, true, None));
}

/// Returns `true` for a queue that its driver must not delete: the default queue of a device, or a
/// queue for all requests of one type.
pub(super) fn belongs_to_device(state: &State, at: usize) -> bool {
    let mut devices = state.wdf.devices.values();
    devices.any(|it| it.default_queue == Some(at) || it.queues.values().any(|&it| it == at))
}

/// Presents requests to the driver, as many as it may have at a time.
pub(super) fn present(at: usize) {
    let me = with(|state| state.scheduling.current_id());
    let begins = with(|state| {
        let queue = state.wdf.queues.get_mut(&at);
        queue.is_some_and(|queue| queue.presenting.insert(me))
    });
    if !begins {
        return;
    }
    while let Some(irp) = take(at, false) {
        deliver(at, irp as *mut Irp);
    }
    with(|state| {
        if let Some(queue) = state.wdf.queues.get_mut(&at) {
            queue.presenting.remove(&me);
        }
    });
}

/// Takes the next request for the driver.
fn take(at: usize, is_asked_for: bool) -> Option<usize> {
    with(|state| {
        let queue = state.wdf.queues.get_mut(&at)?;
        if !is_asked_for && queue.presented >= queue.most {
            return None;
        }
        let irp = queue.waiting.pop_front()?;
        queue.presented += 1;
        request::hand_over(state, irp);
        Some(irp)
    })
}

/// Takes a request out that is cancelled. Returns the callback for that, 0 if there
/// is none.
pub(super) fn withdraw(at: usize, irp: usize) -> Option<usize> {
    with(|state| {
        let queue = state.wdf.queues.get_mut(&at)?;
        let place = queue.waiting.iter().position(|&it| it == irp)?;
        queue.waiting.remove(place);
        // Its completion counts as that of a request that was presented.
        queue.presented += 1;
        Some(queue.cancelled)
    })
}

/// A request that the driver had is complete.
pub(super) fn completed(at: usize) {
    with(|state| {
        if let Some(queue) = state.wdf.queues.get_mut(&at) {
            queue.presented = queue.presented.saturating_sub(1);
        }
    });
    present(at);
    settle(at);
}

fn deliver(at: usize, irp: *mut Irp) {
    // SAFETY: a request that is sent is in memory.
    let (major, output, input, code) = unsafe {
        let location = stack_location(irp);
        (
            u32::from((*location).major),
            (*location).output_length,
            (*location).input_length,
            (*location).code,
        )
    };
    let (routine, default) = with(|state| {
        let queue = &state.wdf.queues[&at];
        (queue.routine(major), queue.default)
    });
    let (queue, request) = (handle(at), handle(irp.addr()));
    let (what, arguments) = match major {
        _ if routine == default => ("EvtIoDefault", [queue, request, 0, 0, 0]),
        IRP_MJ_READ => ("EvtIoRead", [queue, request, output, 0, 0]),
        IRP_MJ_WRITE => ("EvtIoWrite", [queue, request, output, 0, 0]),
        IRP_MJ_DEVICE_CONTROL => {
            let arguments = [queue, request, output, input, code];
            ("EvtIoDeviceControl", arguments)
        }
        _ => {
            let arguments = [queue, request, output, input, code];
            ("EvtIoInternalDeviceControl", arguments)
        }
    };
    // SAFETY: the callback takes these; further ones do no harm.
    unsafe { call(what, routine, at, &arguments) };
}

unsafe extern "win64" fn retrieve_next(_globals: usize, queue: usize, request: *mut usize) -> i32 {
    let at = objects::find(queue, Kind::Queue);
    match take(at, true) {
        Some(irp) => {
            // SAFETY: it may be written, as documented.
            unsafe { request.write(handle(irp)) };
            STATUS_SUCCESS
        }
        None => STATUS_NO_MORE_ENTRIES,
    }
}
