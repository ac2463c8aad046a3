// SPDX-License-Identifier: MIT OR Apache-2.0

//! Notifications of what is done in the registry: a value is read, and its key closed.

use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, UNICODE_STRING,
};

use super::{CallContexts, Kind, Text, Wanted, add, is_altitude_taken, notify, remove};
use crate::exports::data::strings;
use crate::exports::exports;
use crate::hardware::irql::APC_LEVEL;
use crate::kernel::with;
use crate::verifier::driver_call;

exports! {
    "CmRegisterCallback" <= APC_LEVEL => register: i32;
    "CmRegisterCallbackEx" <= APC_LEVEL => register_ex: i32;
    "CmUnRegisterCallback" <= APC_LEVEL => unregister: i32;
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
    if remove(Kind::Key, cookie) {
        STATUS_SUCCESS
    } else {
        STATUS_INVALID_PARAMETER
    }
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

/// A program reads a value and closes the key.
pub(super) fn read_a_value() {
    const QUERY_VALUE: usize = 8;
    const CLOSE: usize = 14;
    const POST_QUERY_VALUE: usize = 23;
    const POST_CLOSE: usize = 25;
    /// `KeyValuePartialInformation`.
    const PARTIAL: i32 = 2;

    let object = with(super::object);
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
        tell([CLOSE, POST_CLOSE], (&raw mut before).addr(), place, 0);
    }
}

/// Tells of an operation on a key before it, and after it. Returns `false` if a routine has
/// refused it.
fn tell(classes: [usize; 2], before: usize, place: *mut usize, object: usize) -> bool {
    let contexts = CallContexts::default();
    let mut is_refused = false;
    notify(
        Kind::Key,
        |_| true,
        |it| {
            contexts.give(it.key, place);
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
    let mut after = Post {
        object,
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
            vec![it.context, classes[1], at]
        },
        |_, _| {},
    );
    true
}
