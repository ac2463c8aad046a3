// SPDX-License-Identifier: MIT OR Apache-2.0

//! Timers and work items of the framework, which are deleted only when their
//! callbacks have returned.

use kmdf::abi::WDF_OBJECT_ATTRIBUTES;
use windows_sys::Win32::Foundation::{
    STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
};

use super::objects::{self, Kind};
use super::{PARENT_NOT_SPECIFIED, handle};
use crate::exports::execution::{levels, time, timers};
use crate::exports::exports;
use crate::findings::stop;
use crate::hardware::irql::{self, DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::with;
use crate::memory::pageable::set_irql;
use crate::objects::deferred;
use crate::scheduling::{ThreadId, Waitable, block, point};
use crate::verifier::routine::WORK_ITEM;

exports! {
    of "wdf01000.sys":
    "WdfTimerCreate" <= DISPATCH_LEVEL => create_timer: i32;
    "WdfTimerStart" <= DISPATCH_LEVEL => start_timer: u8;
    "WdfTimerStop" <= DISPATCH_LEVEL => stop_timer: u8;
    "WdfTimerGetParentObject" <= DISPATCH_LEVEL => parent_of_timer: usize;
    "WdfWorkItemCreate" <= DISPATCH_LEVEL => create_work_item: i32;
    "WdfWorkItemEnqueue" <= DISPATCH_LEVEL => enqueue: ();
    "WdfWorkItemFlush" <= PASSIVE_LEVEL => flush: ();
    "WdfWorkItemGetParentObject" <= DISPATCH_LEVEL => parent_of_work_item: usize;
}

/// `WDF_TIMER_CONFIG`; before KMDF 1.11 it ends behind `automatic`.
#[repr(C)]
struct TimerConfig {
    size: u32,
    function: usize,
    period: u32,
    automatic: u8,
    tolerable_delay: u32,
    high_resolution: u32,
}

const _: () = assert!(size_of::<TimerConfig>() == 0x20);
const OLD_SIZE: usize = 0x18;

/// A timer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timer {
    /// `EvtTimerFunc`.
    function: usize,
    /// In milliseconds; 0 if it fires once.
    period: u32,
    is_passive: bool,
}

unsafe extern "win64" fn create_timer(
    globals: usize,
    config: *const TimerConfig,
    given: *const WDF_OBJECT_ATTRIBUTES,
    timer: *mut usize,
) -> i32 {
    // SAFETY: it is valid, as documented.
    let size = unsafe { (*config).size } as usize;
    if size != size_of::<TimerConfig>() && size != OLD_SIZE {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    // SAFETY: it is valid, as documented; these fields are in both versions.
    let (function, period) = unsafe { ((*config).function, (*config).period) };
    if function == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: they are null or valid, as documented.
    let given = match unsafe { objects::attributes(given) } {
        Ok(given) => given,
        Err(status) => return status,
    };
    let Some(parent) = given.parent else {
        return PARENT_NOT_SPECIFIED;
    };
    if !objects::is_below_device(parent) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    let created = objects::create(globals, Kind::Timer, &given, parent);
    if let Some(at) = created {
        let is_passive = given.is_passive;
        let new = Timer {
            function,
            period,
            is_passive,
        };
        with(|state| state.wdf.timers.insert(at, new));
    }
    // SAFETY: it may be written, as documented.
    unsafe { objects::publish(timer, created) }
}

fn timer(at: usize) -> Timer {
    with(|state| state.wdf.timers[&at])
}

unsafe extern "win64" fn start_timer(_globals: usize, handle: usize, due: i64) -> u8 {
    let at = objects::find(handle, Kind::Timer);
    let timer = timer(at);
    let every = timers::milliseconds(timer.period);
    let wait = time::until(due);
    u8::from(timers::set(at, wait, every, move || fire(at, timer)))
}

/// Calls the driver.
fn fire(at: usize, timer: Timer) {
    let level = if timer.is_passive {
        PASSIVE_LEVEL
    } else {
        DISPATCH_LEVEL
    };
    with(|state| {
        let me = state.scheduling.current_id();
        state.objects.deferred.firing.insert(at, me);
        set_irql(state, level);
    });
    let routine = deferred::Routine {
        what: "EvtTimerFunc",
        named: "EvtTimerFunc",
        address: timer.function,
        by: with(|state| objects::creator(state, at)),
    };
    // SAFETY: the function of a timer takes it.
    unsafe { deferred::run(routine, &[handle(at)]) };
    with(|state| {
        state.objects.deferred.firing.remove(&at);
        set_irql(state, PASSIVE_LEVEL);
        state.scheduling.wake_all(Waitable::Object(at));
    });
}

unsafe extern "win64" fn stop_timer(_globals: usize, handle: usize, wait: u8) -> u8 {
    let at = objects::find(handle, Kind::Timer);
    let level = levels::current();
    if wait != 0 && level > PASSIVE_LEVEL {
        let now = irql::name(level);
        let what = format!("WdfTimerStop was called at {now} to wait");
        stop(("0xA", [0, usize::from(level), 0, 0]), what);
    }
    if wait != 0 && is_firing_here(at) {
        let what = "WdfTimerStop waits for the callback that calls it";
        stop("deadlock", what.to_owned());
    }
    let was_set = timers::clear(at);
    if wait != 0 {
        join_timer(at);
    }
    u8::from(was_set)
}

/// Returns `true` if the current thread runs the callback of a timer.
fn is_firing_here(at: usize) -> bool {
    with(|state| {
        let me = state.scheduling.current_id();
        state.objects.deferred.firing.get(&at) == Some(&me)
    })
}

/// Waits for the callback, if it runs.
fn join_timer(at: usize) {
    while with(|state| state.objects.deferred.firing.contains_key(&at)) {
        block(Waitable::Object(at), None);
    }
}

/// Stops a timer that is deleted.
pub(super) fn dispose_timer(at: usize) {
    timers::clear(at);
    if !is_firing_here(at) && levels::current() == PASSIVE_LEVEL {
        join_timer(at);
    }
}

unsafe extern "win64" fn parent_of_timer(_globals: usize, timer: usize) -> usize {
    objects::parent(objects::find(timer, Kind::Timer)).map_or(0, handle)
}

/// `WDF_WORKITEM_CONFIG`.
#[repr(C)]
struct WorkItemConfig {
    size: u32,
    function: usize,
    automatic: u8,
}

const _: () = assert!(size_of::<WorkItemConfig>() == 0x18);

/// A work item.
#[derive(Clone, Debug)]
pub(super) struct WorkItem {
    /// `EvtWorkItemFunc`.
    function: usize,
    is_queued: bool,
    /// The threads that run its function: more than one if it was queued again meanwhile.
    runs_on: Vec<ThreadId>,
}

unsafe extern "win64" fn create_work_item(
    globals: usize,
    config: *const WorkItemConfig,
    given: *const WDF_OBJECT_ATTRIBUTES,
    item: *mut usize,
) -> i32 {
    // SAFETY: it is valid, as documented.
    let config = unsafe { &*config };
    if config.size as usize != size_of::<WorkItemConfig>() {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    if config.function == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: they are null or valid, as documented.
    let given = match unsafe { objects::attributes(given) } {
        Ok(given) => given,
        Err(status) => return status,
    };
    let Some(parent) = given.parent else {
        return PARENT_NOT_SPECIFIED;
    };
    if !objects::is_below_device(parent) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    let created = objects::create(globals, Kind::WorkItem, &given, parent);
    if let Some(at) = created {
        let new = WorkItem {
            function: config.function,
            is_queued: false,
            runs_on: Vec::new(),
        };
        with(|state| state.wdf.work_items.insert(at, new));
    }
    // SAFETY: it may be written, as documented.
    unsafe { objects::publish(item, created) }
}

fn change_item<R>(at: usize, change: impl FnOnce(&mut WorkItem) -> R) -> Option<R> {
    with(|state| state.wdf.work_items.get_mut(&at).map(change))
}

/// Queues the function, unless it is queued.
unsafe extern "win64" fn enqueue(_globals: usize, handle: usize) {
    let at = objects::find(handle, Kind::WorkItem);
    if change_item(at, |item| std::mem::replace(&mut item.is_queued, true)) == Some(false) {
        with(|state| deferred::defer(state, "work item", None, move || run(at)));
    }
}

fn run(at: usize) {
    point();
    let me = with(|state| state.scheduling.current_id());
    let begun = change_item(at, |item| {
        item.is_queued = false;
        item.runs_on.push(me);
        item.function
    });
    let Some(function) = begun else { return };
    let routine = deferred::Routine {
        what: WORK_ITEM,
        named: "EvtWorkItem",
        address: function,
        by: with(|state| objects::creator(state, at)),
    };
    // SAFETY: the function of a work item takes it.
    unsafe { deferred::run(routine, &[handle(at)]) };
    change_item(at, |item| item.runs_on.retain(|it| *it != me));
    with(|state| state.scheduling.wake_all(Waitable::Object(at)));
}

/// Returns `true` if the current thread runs the function of a work item.
fn is_running_here(at: usize) -> bool {
    let me = with(|state| state.scheduling.current_id());
    change_item(at, |item| item.runs_on.contains(&me)) == Some(true)
}

unsafe extern "win64" fn flush(_globals: usize, handle: usize) {
    let at = objects::find(handle, Kind::WorkItem);
    if is_running_here(at) {
        let what = "WdfWorkItemFlush waits for the callback that calls it";
        stop("deadlock", what.to_owned());
    }
    join_work_item(at);
}

/// Waits until the function is neither queued nor runs.
fn join_work_item(at: usize) {
    while change_item(at, |item| item.is_queued || !item.runs_on.is_empty()) == Some(true) {
        block(Waitable::Object(at), None);
    }
}

/// Waits for a work item that is deleted.
pub(super) fn dispose_work_item(at: usize) {
    if !is_running_here(at) && levels::current() == PASSIVE_LEVEL {
        join_work_item(at);
    }
}

unsafe extern "win64" fn parent_of_work_item(_globals: usize, item: usize) -> usize {
    objects::parent(objects::find(item, Kind::WorkItem)).map_or(0, handle)
}
