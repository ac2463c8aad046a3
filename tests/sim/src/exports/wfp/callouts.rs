// SPDX-License-Identifier: MIT OR Apache-2.0

//! Callouts: registering them with the filter engine, and unregistering them.

use scenarios::{NAMED_CALLOUT, UNNAMED_CALLOUT};
use windows_sys::Win32::Foundation::{
    STATUS_DEVICE_BUSY, STATUS_FWP_ALREADY_EXISTS, STATUS_FWP_CALLOUT_NOT_FOUND, STATUS_FWP_IN_USE,
    STATUS_FWP_NULL_POINTER, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS,
};
use windows_sys::core::GUID;

use super::layouts::{CalloutRegistration, number};
use crate::exports::{exports, notifications};
use crate::findings::caller::caller;
use crate::findings::note;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::{State, with};
use crate::loader::drivers::LoadState;
use crate::objects::wfp::Callout;
use crate::scheduling::ThreadId;
use crate::verifier::driver_call;
use crate::verifier::faults::{self, FaultKind};
use crate::verifier::routine::{EntryState, check_return};

exports! {
    of "fwpkclnt.sys":
    "FwpsCalloutRegister0" <= PASSIVE_LEVEL => register0: i32;
    "FwpsCalloutRegister1" <= PASSIVE_LEVEL => register1: i32;
    "FwpsCalloutRegister2" <= PASSIVE_LEVEL => register2: i32;
    "FwpsCalloutRegister3" <= PASSIVE_LEVEL => register3: i32;
    "FwpsCalloutUnregisterById0" <= PASSIVE_LEVEL => unregister_by_id: i32;
    "FwpsCalloutUnregisterByKey0" <= PASSIVE_LEVEL => unregister_by_key: i32;
}

/// The function whose `classifyFn` gets no classification context.
pub(super) const FIRST_VERSION: &str = "FwpsCalloutRegister0";

unsafe extern "win64" fn register0(
    device: usize,
    callout: *const CalloutRegistration,
    id: *mut u32,
) -> i32 {
    // SAFETY: this passes on the driver's own arguments, under the same documented contract.
    unsafe { register(FIRST_VERSION, device, callout, id) }
}

unsafe extern "win64" fn register1(
    device: usize,
    callout: *const CalloutRegistration,
    id: *mut u32,
) -> i32 {
    // SAFETY: this passes on the driver's own arguments, under the same documented contract.
    unsafe { register("FwpsCalloutRegister1", device, callout, id) }
}

unsafe extern "win64" fn register2(
    device: usize,
    callout: *const CalloutRegistration,
    id: *mut u32,
) -> i32 {
    // SAFETY: this passes on the driver's own arguments, under the same documented contract.
    unsafe { register("FwpsCalloutRegister2", device, callout, id) }
}

unsafe extern "win64" fn register3(
    device: usize,
    callout: *const CalloutRegistration,
    id: *mut u32,
) -> i32 {
    // SAFETY: this passes on the driver's own arguments, under the same documented contract.
    unsafe { register("FwpsCalloutRegister3", device, callout, id) }
}

/// # Safety
///
/// The callout can be read, and the identifier written unless it is null.
unsafe fn register(
    function: &'static str,
    device: usize,
    callout: *const CalloutRegistration,
    id: *mut u32,
) -> i32 {
    if device == 0 || callout.is_null() {
        return STATUS_FWP_NULL_POINTER;
    }
    // SAFETY: the structure can be read, by this function's contract.
    let registration = unsafe { callout.read() };
    match with(|state| add(state, function, &registration)) {
        Ok(number) => {
            if !id.is_null() {
                // SAFETY: the identifier may be written, by this function's contract.
                unsafe { id.write(number) };
            }
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

fn add(
    state: &mut State,
    function: &'static str,
    registration: &CalloutRegistration,
) -> Result<u32, i32> {
    let by = caller(state);
    let key = number(&registration.key);
    let taken = state.objects.wfp.callouts.iter().find(|it| it.key == key);
    if let Some(taken) = taken {
        if let (Some(by), Some(owner)) = (by, taken.by) {
            let name = "the key of a callout".to_owned();
            state.objects.names.collide(by.driver, name, owner.driver);
        }
        return Err(STATUS_FWP_ALREADY_EXISTS);
    }
    for (name, routine) in [
        ("classifyFn", registration.classify),
        ("notifyFn", registration.notify),
    ] {
        if routine == 0 {
            let what = format!(
                "{function} was called without a {name}, and has refused the callout with \
                 STATUS_FWP_NULL_POINTER: only flowDeleteFn may be NULL"
            );
            note(state, "wfp", what, by);
            return Err(STATUS_FWP_NULL_POINTER);
        }
    }
    if faults::fails(state, FaultKind::Allocation) {
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    }
    let id = identifier(state, key);
    state.objects.wfp.callouts.push(Callout {
        id,
        key,
        classify: registration.classify,
        notify: registration.notify,
        flow_delete: registration.flow_delete,
        function,
        by,
        inside: Vec::new(),
        ends: false,
        is_named: false,
        was_busy: false,
    });
    if let Some(by) = by {
        state.record_role(by.driver, UNNAMED_CALLOUT);
    }
    if state.objects.wfp.engine.is_named(key) {
        name(state, id);
    }
    Ok(id)
}

/// Records that a filter names a callout, for which there may now be traffic.
pub(super) fn name(state: &mut State, id: u32) {
    let Some(callout) = state.objects.wfp.callout(id) else {
        return;
    };
    let by = callout.by.filter(|_| !callout.is_named);
    callout.is_named = true;
    if let Some(by) = by {
        state.record_role(by.driver, NAMED_CALLOUT);
    }
}

/// Notes that a callout which is being unregistered was never called, because no filter named it.
fn note_unnamed(state: &mut State, id: u32) {
    let Some(callout) = state.objects.wfp.callout(id) else {
        return;
    };
    let (by, key, is_named) = (callout.by, callout.key, callout.is_named);
    // Before a driver is loaded there is no time for one.
    let is_unloaded =
        by.is_some_and(|by| state.loader.drivers[by.driver].life == LoadState::Unloading);
    if is_named || !is_unloaded {
        return;
    }
    let is_added = state.objects.wfp.engine.callout(key).is_some();
    let what = if is_added {
        "a callout is unregistered that no filter has named: its classifyFn was not called"
    } else {
        "a callout is unregistered that no filter has named: its classifyFn was not called. A \
         service adds a filter for a callout without one, but FwpmCalloutAdd0, which says at which \
         layer, was not called for this one"
    };
    note(state, "wfp", what.to_owned(), by);
}

/// The run-time identifier of the callout with a key: that of the object which was added for it,
/// or of the callout which is registered.
pub(super) fn identifier(state: &mut State, key: u128) -> u32 {
    let wfp = &mut state.objects.wfp;
    let added = wfp.engine.callout(key);
    let registered = wfp.callouts.iter().find(|it| it.key == key);
    added
        .or_else(|| registered.map(|it| it.id))
        .unwrap_or_else(|| wfp.next_callout())
}

unsafe extern "win64" fn unregister_by_id(id: u32) -> i32 {
    unregister(|it| it.id == id)
}

unsafe extern "win64" fn unregister_by_key(key: *const GUID) -> i32 {
    if key.is_null() {
        return STATUS_FWP_NULL_POINTER;
    }
    // SAFETY: the key can be read, as documented.
    let key = number(&unsafe { key.read_unaligned() });
    unregister(|it| it.key == key)
}

/// Unregisters a callout, once no call of its functions is under way, unless a flow has a
/// context of it.
fn unregister(wanted: impl Fn(&Callout) -> bool) -> i32 {
    let begun = with(|state| {
        let wfp = &mut state.objects.wfp;
        let Some(callout) = wfp.callouts.iter_mut().find(|it| wanted(it)) else {
            return Err(STATUS_FWP_CALLOUT_NOT_FOUND);
        };
        if callout.ends {
            return Err(STATUS_FWP_IN_USE);
        }
        if wfp.flows.has_contexts(callout.id) {
            callout.was_busy = true;
            return Err(STATUS_DEVICE_BUSY);
        }
        callout.ends = true;
        Ok((callout.id, callout.function))
    });
    let (id, function) = match begun {
        Ok(begun) => begun,
        Err(status) => return status,
    };
    while let Some(thread) = with(|state| inside(state, id)) {
        notifications::wait_for_routine(thread, function);
    }
    with(|state| {
        let wfp = &mut state.objects.wfp;
        // A classification that was under way may have associated one.
        let is_busy = wfp.flows.has_contexts(id);
        if is_busy {
            if let Some(callout) = wfp.callout(id) {
                callout.ends = false;
                callout.was_busy = true;
            }
            return STATUS_DEVICE_BUSY;
        }
        note_unnamed(state, id);
        state.objects.wfp.callouts.retain(|it| it.id != id);
        STATUS_SUCCESS
    })
}

/// A thread on which a function of a callout is called.
fn inside(state: &mut State, id: u32) -> Option<ThreadId> {
    let callout = state.objects.wfp.callout(id)?;
    callout.inside.first().copied()
}

/// Calls a function of a callout that the current thread has [entered](enter).
pub(super) fn call(name: &str, id: u32, function: usize, arguments: &[usize]) -> usize {
    let (registered, by) = with(|state| {
        let callout = state.objects.wfp.callout(id);
        callout.map_or(("FwpsCalloutRegister", None), |it| (it.function, it.by))
    });
    let what = format!("the {name} of a callout that {registered} registered");
    let before = EntryState::now();
    // SAFETY: the driver's own routine, with the arguments that are documented for it.
    let result = unsafe { driver_call::call(what.clone(), function, by, arguments) };
    check_return(&what, before, by);
    result
}

/// A call of a function of a callout begins on the current thread.
pub(super) fn enter(state: &mut State, id: u32) {
    let current = state.scheduling.current_id();
    if let Some(callout) = state.objects.wfp.callout(id) {
        callout.inside.push(current);
    }
}

/// The call has returned.
pub(super) fn leave(state: &mut State, id: u32) {
    let current = state.scheduling.current_id();
    if let Some(callout) = state.objects.wfp.callout(id)
        && let Some(last) = callout.inside.iter().rposition(|&it| it == current)
    {
        callout.inside.remove(last);
    }
    notifications::routine_returned(state);
}
