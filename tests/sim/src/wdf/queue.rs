// SPDX-License-Identifier: MIT OR Apache-2.0

//! Queues: which callback takes a request, and when it is presented.

use std::collections::{BTreeSet, VecDeque};

use kmdf::abi::{WDF_IO_QUEUE_CONFIG, WDF_OBJECT_ATTRIBUTES, WdfIoQueueDispatchParallel};
use windows_sys::Wdk::System::SystemServices::{
    IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_READ, IRP_MJ_WRITE,
};
use windows_sys::Win32::Foundation::{
    STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
    STATUS_NO_MORE_ENTRIES, STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
};

use super::objects::{self, Kind};
use super::{call, handle, request};
use crate::exports::exports;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::io::irp::{Irp, stack_location};
use crate::kernel::with;
use crate::scheduling::ThreadId;

exports! {
    of "wdf01000.sys":
    "WdfIoQueueCreate" <= DISPATCH_LEVEL => create: i32;
    "WdfIoQueueGetDevice" <= DISPATCH_LEVEL => device_of: usize;
    "WdfIoQueueRetrieveNextRequest" <= DISPATCH_LEVEL => retrieve_next: i32;
    "WdfDeviceGetDefaultQueue" <= DISPATCH_LEVEL => default_queue: usize;
    "WdfDeviceConfigureRequestDispatching" <= DISPATCH_LEVEL => route: i32;
}

/// `WdfIoQueueDispatchSequential` and `WdfIoQueueDispatchManual`.
const SEQUENTIAL: u32 = 1;
const MANUAL: u32 = 3;
const PARALLEL: u32 = WdfIoQueueDispatchParallel;

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
}

impl Queue {
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
    if config.Size as usize != size_of::<WDF_IO_QUEUE_CONFIG>() {
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
    let pending = request::begin(device, Some(at), irp);
    with(|state| {
        if let Some(queue) = state.wdf.queues.get_mut(&at) {
            queue.waiting.push_back(irp.addr());
        }
    });
    request::let_cancel(irp);
    present(at);
    pending
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
        request::forbid_cancel(irp as *mut Irp);
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
