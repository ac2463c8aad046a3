// SPDX-License-Identifier: MIT OR Apache-2.0

//! Event tracing. No session ever enables a provider, so events go nowhere.

use std::ffi::c_void;

use windows_sys::Win32::Foundation::{STATUS_INVALID_HANDLE, STATUS_SUCCESS};

use crate::exports::exports;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{HIGH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::with;
use crate::objects::kernel_objects::ObjectKind;

exports! {
    "EtwRegister" <= PASSIVE_LEVEL => etw_register: i32;
    "EtwUnregister" <= PASSIVE_LEVEL => etw_unregister: i32;
    "EtwSetInformation" <= PASSIVE_LEVEL => etw_set_information: i32;
    "EtwWrite" <= HIGH_LEVEL => etw_write: i32;
    "EtwWriteEx" <= HIGH_LEVEL => etw_write: i32;
    "EtwWriteString" <= HIGH_LEVEL => etw_write: i32;
    "EtwWriteTransfer" <= HIGH_LEVEL => etw_write: i32;
    "EtwEventEnabled" <= HIGH_LEVEL => etw_enabled: u8;
    "EtwProviderEnabled" <= HIGH_LEVEL => etw_enabled: u8;
}

/// Handles are odd, so that none is the address of an object.
const FIRST: usize = 0xE701;

unsafe extern "win64" fn etw_register(
    _provider: *const c_void,
    _enabled: usize,
    _context: *mut c_void,
    handle: *mut usize,
) -> i32 {
    let opened = with(|state| {
        let by = caller(state);
        (FIRST..)
            .step_by(2)
            .find(|&handle| state.objects.created.within(handle..handle + 1).is_none())
            .inspect(|&handle| {
                state.objects.created.add(handle, ObjectKind::Etw, by);
            })
    });
    // SAFETY: the handle may be written, as documented.
    unsafe { handle.write(opened.unwrap_or_default()) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn etw_unregister(handle: usize) -> i32 {
    if handle != 0 && !with(|state| state.objects.created.remove(handle, ObjectKind::Etw)) {
        let what = format!("{handle:#x} was unregistered, which is no ETW registration");
        stop(("0xC4", [0xDC, 0, 0, 0]), what);
    }
    STATUS_SUCCESS
}

fn status(handle: usize) -> i32 {
    let known = handle == 0 || with(|state| state.objects.created.is(handle, ObjectKind::Etw));
    if known {
        STATUS_SUCCESS
    } else {
        STATUS_INVALID_HANDLE
    }
}

unsafe extern "win64" fn etw_set_information(handle: usize) -> i32 {
    status(handle)
}

unsafe extern "win64" fn etw_write(handle: usize) -> i32 {
    status(handle)
}

unsafe extern "win64" fn etw_enabled() -> u8 {
    0
}
