// SPDX-License-Identifier: MIT OR Apache-2.0

//! Executive callbacks: objects at which routines are registered.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_void;

use windows_sys::Wdk::Foundation::OBJECT_ATTRIBUTES;
use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS,
};

use crate::exports::data::strings;
use crate::exports::exports;
use crate::exports::notifications;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{APC_LEVEL, DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::with;
use crate::objects::handles;
use crate::objects::kernel_objects::ObjectKind;
use crate::objects::names::fold;
use crate::scheduling::ThreadId;
use crate::verifier::driver_call;
use crate::verifier::faults::{self, FaultKind};

exports! {
    "ExCreateCallback" <= PASSIVE_LEVEL => ex_create_callback: i32;
    "ExRegisterCallback" <= APC_LEVEL => ex_register_callback: usize;
    "ExUnregisterCallback" <= APC_LEVEL => ex_unregister_callback: ();
    "ExNotifyCallback" <= DISPATCH_LEVEL => ex_notify_callback: ();
}

/// A routine that is registered.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    /// The callback object.
    at: usize,
    /// What `ExRegisterCallback` answered.
    handle: usize,
    routine: usize,
    context: *mut c_void,
    /// The threads on which calls of it are under way.
    inside: Vec<ThreadId>,
}

/// The callback objects of a cycle.
#[derive(Debug, Default)]
pub(crate) struct Callbacks {
    named: BTreeMap<String, usize>,
    registered: Vec<Registered>,
    /// The objects that take one routine only.
    single: BTreeSet<usize>,
}

const TAG: u32 = u32::from_le_bytes(*b"Call");
/// The objects that the system has made.
const SYSTEM: [&str; 3] = [
    r"\Callback\SetSystemTime",
    r"\Callback\PowerState",
    r"\Callback\ProcessorAdd",
];

unsafe extern "win64" fn ex_create_callback(
    object: *mut usize,
    attributes: *const OBJECT_ATTRIBUTES,
    create: u8,
    multiple: u8,
) -> i32 {
    let name = if attributes.is_null() {
        None
    } else {
        // SAFETY: the attributes are null or valid, as documented.
        let name = unsafe { (*attributes).ObjectName };
        // SAFETY: as above.
        (!name.is_null()).then(|| fold(&unsafe { strings::text(name) }))
    };
    let found = with(|state| {
        let known = name
            .as_ref()
            .and_then(|name| state.exports.callbacks.named.get(name));
        if let Some(&known) = known {
            return Ok(known);
        }
        let is_systems = name.as_ref().is_some_and(|name| {
            let mut all = SYSTEM.iter();
            all.any(|system| fold(system) == *name)
        });
        if create == 0 && !is_systems {
            return Err(STATUS_OBJECT_NAME_NOT_FOUND);
        }
        if faults::fails(state, FaultKind::Allocation) {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        let at = state.memory.pool.allocate(16, TAG, true, None);
        let at = at.ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
        let callbacks = &mut state.exports.callbacks;
        if let Some(name) = name {
            callbacks.named.insert(name, at);
        }
        if multiple == 0 {
            callbacks.single.insert(at);
        }
        Ok(at)
    });
    match found {
        Ok(at) => {
            with(|state| {
                let by = caller(state);
                state.objects.handles.add_object(at);
                handles::reference(state, at, by);
            });
            // SAFETY: the object may be written, as documented.
            unsafe { object.write(at) };
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

unsafe extern "win64" fn ex_register_callback(
    at: usize,
    routine: usize,
    context: *mut c_void,
) -> usize {
    with(|state| {
        if faults::fails(state, FaultKind::Allocation) {
            return 0;
        }
        let callbacks = &state.exports.callbacks;
        if callbacks.single.contains(&at) && callbacks.registered.iter().any(|it| it.at == at) {
            return 0;
        }
        let by = caller(state);
        let Some(handle) = state.memory.pool.allocate(16, TAG, true, None) else {
            return 0;
        };
        state.objects.created.add(handle, ObjectKind::Callback, by);
        if let Some(by) = by {
            state.record_role(by.driver, "a driver with notification routines");
        }
        state.exports.callbacks.registered.push(Registered {
            at,
            handle,
            routine,
            context,
            inside: Vec::new(),
        });
        handle
    })
}

unsafe extern "win64" fn ex_unregister_callback(handle: usize) {
    if !with(|state| state.objects.created.remove(handle, ObjectKind::Callback)) {
        let what = format!("{handle:#x} was unregistered, which is no callback registration");
        stop("0xC4", what);
    }
    let inside = || {
        with(|state| {
            let mut all = state.exports.callbacks.registered.iter();
            let one = all.find(|one| one.handle == handle)?;
            one.inside.first().copied()
        })
    };
    while let Some(thread) = inside() {
        notifications::wait_for_routine(thread, "ExRegisterCallback");
    }
    with(|state| {
        state
            .exports
            .callbacks
            .registered
            .retain(|one| one.handle != handle);
    });
}

unsafe extern "win64" fn ex_notify_callback(at: usize, first: *mut c_void, second: *mut c_void) {
    let change = |handle: usize, change: fn(&mut Vec<ThreadId>, ThreadId)| {
        with(|state| {
            let current = state.scheduling.current_id();
            for one in &mut state.exports.callbacks.registered {
                if one.handle == handle {
                    change(&mut one.inside, current);
                }
            }
        });
    };
    let all: Vec<_> = with(|state| {
        let mine = state
            .exports
            .callbacks
            .registered
            .iter()
            .filter(|one| one.at == at);
        mine.cloned().collect()
    });
    for one in all {
        if with(|state| state.objects.created.is(one.handle, ObjectKind::Callback)) {
            change(one.handle, Vec::push);
            let by = with(|state| state.objects.created.creator(one.handle));
            let arguments = [one.context.addr(), first.addr(), second.addr()];
            let what = "the routine of a registered callback";
            // SAFETY: the driver's own routine with its own context.
            unsafe { driver_call::call(what, one.routine, by, &arguments) };
            change(one.handle, |inside, current| {
                let last = inside.iter().rposition(|&id| id == current);
                inside.remove(last.expect("it was added before the call"));
            });
            with(notifications::routine_returned);
        }
    }
}
