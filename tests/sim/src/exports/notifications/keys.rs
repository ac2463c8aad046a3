// SPDX-License-Identifier: MIT OR Apache-2.0

//! Notifications of registry operations: a value is read, and its key is closed.

use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, UNICODE_STRING,
};

use super::{
    CallContexts, Kind, Target, Text, Wanted, add, call, enter, is_altitude_taken, leave, notify,
    remove, targets,
};
use crate::exports::data::strings::{self, write_counted};
use crate::exports::exports;
use crate::exports::memory::access::{get, set};
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::APC_LEVEL;
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::objects::kernel_objects::ObjectKind;
use crate::verifier::driver_call;
use crate::verifier::faults::{self, FaultKind};
use crate::verifier::routine::{EntryState, check_return};

exports! {
    "CmRegisterCallback" <= APC_LEVEL => register: i32;
    "CmRegisterCallbackEx" <= APC_LEVEL => register_ex: i32;
    "CmUnRegisterCallback" <= APC_LEVEL => unregister: i32;
    "CmSetCallbackObjectContext" <= APC_LEVEL => set_context: i32;
    "CmCallbackGetKeyObjectIDEx" <= APC_LEVEL => key_name: i32;
    "CmCallbackReleaseKeyObjectIDEx" <= APC_LEVEL => release_key_name: ();
    "CmGetCallbackVersion" <= APC_LEVEL => version: ();
}

/// `STATUS_FLT_INSTANCE_ALTITUDE_COLLISION`.
pub(super) const ALTITUDE_COLLISION: i32 = 0xC01C_0011_u32.cast_signed();

fn add_callback(
    routine: usize,
    altitude: Option<String>,
    context: usize,
    cookie: *mut usize,
) -> i32 {
    let added = with(|state| {
        if altitude
            .as_ref()
            .is_some_and(|it| is_altitude_taken(state, Kind::Key, it))
        {
            return Err(ALTITUDE_COLLISION);
        }
        let key = state.objects.notifications.next_handle();
        let wanted = Wanted {
            context,
            altitude,
            ..Wanted::new(Kind::Key, key, routine)
        };
        let is_added = add(state, wanted);
        is_added.then_some(key).ok_or(STATUS_INSUFFICIENT_RESOURCES)
    });
    match added {
        Ok(key) => {
            // SAFETY: the cookie may be written, as documented.
            unsafe { cookie.write(key) };
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

unsafe extern "win64" fn register(routine: usize, context: usize, cookie: *mut usize) -> i32 {
    add_callback(routine, None, context, cookie)
}

unsafe extern "win64" fn register_ex(
    routine: usize,
    altitude: *const UNICODE_STRING,
    _driver: usize,
    context: usize,
    cookie: *mut usize,
    _reserved: usize,
) -> i32 {
    // SAFETY: the string is valid, as documented.
    let altitude = unsafe { strings::text(altitude) };
    add_callback(routine, Some(altitude), context, cookie)
}

unsafe extern "win64" fn unregister(cookie: usize) -> i32 {
    let registered = with(|state| {
        let mut all = state.objects.notifications.of(Kind::Key, cookie);
        all.next().map(|it| (it.routine, it.context, it.by))
    });
    if remove(Kind::Key, cookie) {
        if let Some((routine, context, by)) = registered {
            clean_up_all(cookie, routine, context, by);
        }
        STATUS_SUCCESS
    } else {
        STATUS_INVALID_PARAMETER
    }
}

/// Sets the context of a key for one callback, which is called to clean it up when the key is
/// closed or the callback is unregistered.
unsafe extern "win64" fn set_context(
    object: usize,
    cookie: usize,
    context: usize,
    before: usize,
) -> i32 {
    let cookie: usize = get(cookie);
    let old = with(|state| {
        let notifications = &mut state.objects.notifications;
        notifications.of(Kind::Key, cookie).next()?;
        if !notifications.keys.contains(&object) {
            return None;
        }
        let contexts = &mut notifications.key_contexts;
        Some(contexts.insert((cookie, object), context))
    });
    let Some(old) = old else {
        return STATUS_INVALID_PARAMETER;
    };
    if before != 0 {
        set(before, old.unwrap_or_default());
    }
    STATUS_SUCCESS
}

/// The name of the key that programs open, and its number.
const NAME: &str = r"\REGISTRY\MACHINE\SOFTWARE\Program";
const NUMBER: usize = 0x2_1C40;
const NAME_TAG: u32 = u32::from_le_bytes(*b"CMnm");

unsafe extern "win64" fn key_name(
    cookie: usize,
    object: usize,
    number: usize,
    name: usize,
    flags: u32,
) -> i32 {
    let cookie: usize = get(cookie);
    let is_known = with(|state| {
        let notifications = &state.objects.notifications;
        let is_registered = notifications.of(Kind::Key, cookie).next().is_some();
        is_registered && notifications.keys.contains(&object)
    });
    if flags != 0 || !is_known {
        return STATUS_INVALID_PARAMETER;
    }
    if name != 0 {
        let units: Vec<_> = NAME.encode_utf16().chain([0]).collect();
        let text = size_of::<UNICODE_STRING>();
        let at = with(|state| {
            if faults::fails(state, FaultKind::Allocation) {
                return None;
            }
            let by = caller(state);
            let size = text + size_of_val(&*units);
            let at = state.memory.pool.allocate(size, NAME_TAG, true, None)?;
            state.objects.created.add(at, ObjectKind::KeyName, by);
            Some(at)
        });
        let Some(at) = at else {
            return STATUS_INSUFFICIENT_RESOURCES;
        };
        write_counted(at, &units);
        set(name, at);
    }
    if number != 0 {
        set(number, NUMBER);
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn release_key_name(name: usize) {
    let kind = ObjectKind::KeyName;
    if !with(|state| state.objects.created.is(name, kind)) {
        let what = format!(
            "CmCallbackReleaseKeyObjectIDEx was called with {name:#x}, which \
             CmCallbackGetKeyObjectIDEx has not returned, or which was released before"
        );
        stop("0xC4", what);
    }
    with(|state| {
        let by = caller(state);
        state.objects.created.delete(name, kind, by);
        let _ = state.memory.pool.free(name, NAME_TAG, by);
    });
}

/// `REG_CALLBACK_CONTEXT_CLEANUP_INFORMATION`.
#[repr(C)]
struct CleanUp {
    object: usize,
    object_context: usize,
    reserved: usize,
}

/// `RegNtCallbackObjectContextCleanup`.
const CLEAN_UP: usize = 40;

/// Calls a callback that is being unregistered to clean up all its contexts.
fn clean_up_all(cookie: usize, routine: usize, context: usize, by: Option<Site>) {
    let what = "the routine that CmRegisterCallback registered";
    let contexts = with(|state| {
        let contexts = &mut state.objects.notifications.key_contexts;
        let own = (cookie, 0)..=(cookie, usize::MAX);
        contexts.extract_if(own, |_, _| true).collect::<Vec<_>>()
    });
    for ((_, object), object_context) in contexts {
        let information = CleanUp {
            object,
            object_context,
            reserved: 0,
        };
        let before = EntryState::now();
        let arguments = [context, CLEAN_UP, (&raw const information).addr()];
        // SAFETY: the driver's own routine, with the arguments that are documented for it.
        unsafe { driver_call::call(what, routine, by, &arguments) };
        check_return(what, before, by);
    }
}

/// Calls the callbacks that have set a context for a key, which is closed, to clean it up. A
/// callback that is being unregistered does so then.
fn clean_up(object: usize) {
    with(|state| state.objects.notifications.keys.remove(&object));
    while let Some((target, object_context)) = with(|state| enter_clean_up(state, object)) {
        let information = CleanUp {
            object,
            object_context,
            reserved: 0,
        };
        let at = (&raw const information).addr();
        call(
            Kind::Key,
            &target,
            &|it| vec![it.context, CLEAN_UP, at],
            &mut |_, _| {},
        );
        with(|state| leave(state, Kind::Key, &target));
    }
}

/// Enters a callback that has set a context for a key, and removes the context.
fn enter_clean_up(state: &mut State, object: usize) -> Option<(Target, usize)> {
    let contexts = &state.objects.notifications.key_contexts;
    let of_key = contexts.keys().filter(|(_, of)| *of == object);
    let cookies: Vec<_> = of_key.map(|(cookie, _)| *cookie).collect();
    let all = targets(state, Kind::Key, |it| cookies.contains(&it.key));
    let target = all.into_iter().find(|it| enter(state, Kind::Key, it))?;
    let contexts = &mut state.objects.notifications.key_contexts;
    let context = contexts.remove(&(target.key, object))?;
    Some((target, context))
}

/// Opens a key. Returns its object.
fn open() -> usize {
    const TAG: u32 = u32::from_le_bytes(*b"Key ");
    const SIZE: usize = 64;
    with(|state| {
        let own = state.memory.pool.allocate(SIZE, TAG, true, None);
        let object = own.unwrap_or_else(|| super::object(state));
        state.objects.notifications.keys.insert(object);
        object
    })
}

unsafe extern "win64" fn version(major: *mut u32, minor: *mut u32) {
    for (place, number) in [(major, 1), (minor, 2)] {
        if !place.is_null() {
            // SAFETY: it may be written, as documented.
            unsafe { place.write(number) };
        }
    }
}

/// `REG_QUERY_VALUE_KEY_INFORMATION`.
#[repr(C)]
struct QueryValue {
    object: usize,
    name: usize,
    class: i32,
    information: usize,
    length: u32,
    result_length: usize,
    call_context: usize,
    object_context: usize,
    reserved: usize,
}

/// `REG_POST_OPERATION_INFORMATION`.
#[repr(C)]
struct Post {
    object: usize,
    status: i32,
    before: usize,
    return_status: i32,
    call_context: usize,
    object_context: usize,
    reserved: usize,
}

/// `REG_KEY_HANDLE_CLOSE_INFORMATION`.
#[repr(C)]
struct Close {
    object: usize,
    call_context: usize,
    object_context: usize,
    reserved: usize,
}

/// `RegNtPreKeyHandleClose`.
const CLOSE: usize = 14;

/// A program reads a value and closes the key.
pub(super) fn read_a_value() {
    const QUERY_VALUE: usize = 8;
    const POST_QUERY_VALUE: usize = 23;
    const POST_CLOSE: usize = 25;
    /// `KeyValuePartialInformation`.
    const PARTIAL: i32 = 2;

    let object = open();
    let name = Text::new("Path");
    let buffer = [0_u8; 64];
    let needed = 0_u32;
    let mut before = QueryValue {
        object,
        name: name.address(),
        class: PARTIAL,
        information: (&raw const buffer).addr(),
        length: 64,
        result_length: (&raw const needed).addr(),
        call_context: 0,
        object_context: 0,
        reserved: 0,
    };
    let place = &raw mut before.call_context;
    let at = (&raw mut before).addr();
    // What a routine has refused does not happen.
    if tell([QUERY_VALUE, POST_QUERY_VALUE], at, place, object) {
        let mut before = Close {
            object,
            call_context: 0,
            object_context: 0,
            reserved: 0,
        };
        let place = &raw mut before.call_context;
        tell([CLOSE, POST_CLOSE], (&raw mut before).addr(), place, object);
    }
    clean_up(object);
}

/// Calls the routines before an operation on a key, and after it. Returns `false` if a routine has
/// refused the operation.
///
/// In the structures, the context of the key follows that of the call.
fn tell(classes: [usize; 2], before: usize, place: *mut usize, object: usize) -> bool {
    let give_key_context = |cookie: usize, place: *mut usize| {
        let of_key = with(|state| {
            let contexts = &state.objects.notifications.key_contexts;
            contexts.get(&(cookie, object)).copied()
        });
        // SAFETY: the place is a field of a structure of the caller.
        unsafe { place.add(1).write_volatile(of_key.unwrap_or_default()) };
    };
    let contexts = CallContexts::default();
    let mut is_refused = false;
    notify(
        Kind::Key,
        |_| true,
        |it| {
            contexts.give(it.key, place);
            give_key_context(it.key, place);
            vec![it.context, classes[0], before]
        },
        |it, result| {
            contexts.keep(it.key, place);
            is_refused |= driver_call::status(result) < 0;
        },
    );
    if is_refused {
        return false;
    }
    let closed = classes[0] == CLOSE;
    let mut after = Post {
        // A closed key no longer has an object.
        object: if closed { 0 } else { object },
        status: STATUS_SUCCESS,
        before,
        return_status: STATUS_SUCCESS,
        call_context: 0,
        object_context: 0,
        reserved: 0,
    };
    let place = &raw mut after.call_context;
    let at = (&raw mut after).addr();
    notify(
        Kind::Key,
        |_| true,
        |it| {
            contexts.give(it.key, place);
            give_key_context(it.key, place);
            vec![it.context, classes[1], at]
        },
        |_, _| {},
    );
    true
}
