// SPDX-License-Identifier: MIT OR Apache-2.0

//! Work items: routines that system threads run at `PASSIVE_LEVEL`.
//!
//! A work item that `IoQueueWorkItem` has queued keeps its driver's image loaded until its
//! routine has returned; one that `ExQueueWorkItem` has queued does not.

use std::ffi::c_void;

use crate::exports::exports;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{DISPATCH_LEVEL, HIGH_LEVEL};
use crate::kernel::with;
use crate::memory::pool::FreeError;
use crate::objects::deferred;
use crate::objects::kernel_objects::ObjectKind;
use crate::scheduling::{point, sleep};
use crate::verifier::faults;
use crate::verifier::routine::WORK_ITEM;
use crate::verifier::stack_objects;

exports! {
    "IoAllocateWorkItem" <= DISPATCH_LEVEL => io_allocate_work_item: usize;
    "IoFreeWorkItem" <= DISPATCH_LEVEL => io_free_work_item: ();
    "IoSizeofWorkItem" <= HIGH_LEVEL => io_sizeof_work_item: u32;
    "IoInitializeWorkItem" <= DISPATCH_LEVEL => io_initialize_work_item: ();
    "IoUninitializeWorkItem" <= DISPATCH_LEVEL => io_uninitialize_work_item: ();
    "IoQueueWorkItem" <= DISPATCH_LEVEL => io_queue_work_item: ();
    "IoQueueWorkItemEx" <= DISPATCH_LEVEL => io_queue_work_item_ex: ();
    "IoTryQueueWorkItem" <= DISPATCH_LEVEL => io_try_queue_work_item: u8;
    "ExQueueWorkItem" <= DISPATCH_LEVEL => ex_queue_work_item: ();
}

/// What the driver knows by its address only.
#[repr(C)]
struct IoWorkItem {
    magic: u64,
    /// The device or driver object.
    object: usize,
}

const MAGIC: u64 = u64::from_le_bytes(*b"IoWorkIt");
const TAG: u32 = u32::from_le_bytes(*b"IoWI");

unsafe extern "win64" fn io_sizeof_work_item() -> u32 {
    u32::try_from(size_of::<IoWorkItem>()).expect("it is small")
}

unsafe extern "win64" fn io_allocate_work_item(object: usize) -> usize {
    let item = with(|state| {
        let by = caller(state);
        if faults::fails(state, faults::FaultKind::Allocation) {
            return None;
        }
        state
            .memory
            .pool
            .allocate(size_of::<IoWorkItem>(), TAG, true, by)
    });
    let Some(item) = item else { return 0 };
    // SAFETY: it was just allocated for this.
    unsafe { io_initialize_work_item(object, item as *mut IoWorkItem) };
    item
}

unsafe extern "win64" fn io_initialize_work_item(object: usize, item: *mut IoWorkItem) {
    if object == 0 {
        let what = "a work item was made without a device or driver object";
        stop(("0xE4", [0x3, item.addr(), 0, 0]), what.to_owned());
    }
    forbid_queued(item, "initialised");
    let magic = MAGIC;
    // SAFETY: the item is resident and writable, as documented.
    unsafe { item.write(IoWorkItem { magic, object }) };
}

unsafe extern "win64" fn io_uninitialize_work_item(item: *mut IoWorkItem) {
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { require_initialized(item) };
    forbid_queued(item, "uninitialised");
    // SAFETY: as in `io_initialize_work_item`.
    unsafe { (*item).magic = 0 };
}

unsafe extern "win64" fn io_free_work_item(item: *mut IoWorkItem) {
    forbid_queued(item, "freed");
    let freed = with(|state| {
        let by = caller(state);
        state.memory.pool.free(item.addr(), TAG, by)
    });
    match freed {
        Ok(()) => {}
        Err(FreeError::Freed) => {
            let code = ("0xC2", [0x07, 0, 0, item.addr()]);
            stop(code, "a work item was freed twice".to_owned())
        }
        Err(_) => {
            let code = ("0xC2", [0x42, item.addr(), 0, 0]);
            stop(code, format!("{item:?} was freed, which is no work item"))
        }
    }
}

fn forbid_queued(item: *mut IoWorkItem, what: &str) {
    if with(|state| state.objects.created.is(item.addr(), ObjectKind::WorkItem)) {
        let code = ("0xE4", [0x2, item.addr(), 0, 0]);
        stop(code, format!("a work item was {what} while it is queued"));
    }
}

/// # Safety
///
/// The item is resident.
unsafe fn require_initialized(item: *mut IoWorkItem) -> usize {
    // SAFETY: the item is resident, by this function's contract.
    let (magic, object) = unsafe { ((*item).magic, (*item).object) };
    if magic != MAGIC {
        let what = "a work item is used that was not initialised";
        stop("0xE4", what.to_owned());
    }
    object
}

unsafe extern "win64" fn io_queue_work_item(
    item: *mut IoWorkItem,
    routine: usize,
    _queue: i32,
    context: *mut c_void,
) {
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    let object = unsafe { require_initialized(item) };
    queue(item.addr(), routine, true, [object, context.addr(), 0]);
}

unsafe extern "win64" fn io_queue_work_item_ex(
    item: *mut IoWorkItem,
    routine: usize,
    _queue: i32,
    context: *mut c_void,
) {
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    let object = unsafe { require_initialized(item) };
    queue(
        item.addr(),
        routine,
        true,
        [object, context.addr(), item.addr()],
    );
}

/// Queues a work item if a worker thread is free. Returns `true` if it has queued it.
unsafe extern "win64" fn io_try_queue_work_item(
    item: *mut IoWorkItem,
    routine: usize,
    kind: i32,
    context: *mut c_void,
) -> u8 {
    if with(|state| faults::fails(state, faults::FaultKind::Allocation)) {
        return 0;
    }
    // SAFETY: this passes on the driver's own arguments, under the same
    // documented contract.
    unsafe { io_queue_work_item_ex(item, routine, kind, context) };
    1
}

/// `WORK_QUEUE_ITEM`.
#[repr(C)]
struct WorkQueueItem {
    list: [usize; 2],
    /// 0 if there is none.
    routine: usize,
    parameter: *mut c_void,
}

unsafe extern "win64" fn ex_queue_work_item(item: *mut WorkQueueItem, _queue: i32) {
    queue_item(item.addr());
}

/// Queues a `WORK_QUEUE_ITEM` of a driver's.
pub(in crate::exports) fn queue_item(item: usize) {
    let item = item as *mut WorkQueueItem;
    // SAFETY: the item is resident, as documented.
    let (routine, parameter) = unsafe { ((*item).routine, (*item).parameter) };
    if routine == 0 {
        stop(
            ("0xE4", [0x7, item.addr(), 0, 0]),
            "a work item was queued without a routine".to_owned(),
        );
    }
    queue(item.addr(), routine, false, [parameter.addr(), 0, 0]);
}

/// Queues a routine; the item may go when it begins.
fn queue(item: usize, routine: usize, keeps_image: bool, arguments: [usize; 3]) {
    if with(|state| state.objects.created.is(item, ObjectKind::WorkItem)) {
        let what = "a work item was queued that is queued already";
        stop(("0xE4", [0x1, item, 0, 0]), what.to_owned());
    }
    with(|state| {
        stack_objects::add(state, item);
        let queued = caller(state);
        let by = state.loader.drivers.site(routine).or(queued);
        let late = state.choices.wait_for_worker();
        let body = move || {
            if late > 0 {
                sleep(late);
            }
            point();
            stack_objects::check_due(item, stack_objects::Deferred::WorkItem);
            with(|state| state.objects.created.remove(item, ObjectKind::WorkItem));
            let routine = deferred::Routine {
                what: WORK_ITEM,
                named: "the routine of a work item",
                address: routine,
                by: queued,
            };
            // SAFETY: the routine of a work item takes these; further ones do no harm.
            unsafe { deferred::run(routine, &arguments) };
        };
        if let Some(thread) = deferred::defer(state, "work item", by, body) {
            state.objects.created.add(item, ObjectKind::WorkItem, by);
            if keeps_image && let Some(by) = by {
                deferred::add_work(state, by.driver, thread);
            }
        }
    });
}
