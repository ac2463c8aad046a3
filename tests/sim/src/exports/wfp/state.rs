// SPDX-License-Identifier: MIT OR Apache-2.0

//! The state of the filter engine, which runs all the time.

use windows_sys::Win32::Foundation::{
    STATUS_FWP_NULL_POINTER, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS,
};
use windows_sys::Win32::NetworkManagement::WindowsFilteringPlatform::FWPM_SERVICE_RUNNING;

use super::owned::{acquire, give_back};
use crate::exports::exports;
use crate::hardware::irql::{DISPATCH_LEVEL, PASSIVE_LEVEL};

exports! {
    of "fwpkclnt.sys":
    "FwpmBfeStateGet0" <= DISPATCH_LEVEL => get: i32;
    "FwpmBfeStateSubscribeChanges0" <= PASSIVE_LEVEL => subscribe: i32;
    "FwpmBfeStateUnsubscribeChanges0" <= PASSIVE_LEVEL => unsubscribe: i32;
}

const SUBSCRIBE: &str = "FwpmBfeStateSubscribeChanges0";

unsafe extern "win64" fn get() -> i32 {
    FWPM_SERVICE_RUNNING
}

/// # Safety
///
/// The handle may be written.
unsafe fn hand_out(function: &'static str, handle: *mut usize) -> i32 {
    let Some(acquired) = acquire(function) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    // SAFETY: the handle may be written, by this function's contract.
    unsafe { handle.write(acquired) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn subscribe(
    device: usize,
    callback: usize,
    _context: usize,
    handle: *mut usize,
) -> i32 {
    if device == 0 || callback == 0 || handle.is_null() {
        return STATUS_FWP_NULL_POINTER;
    }
    // SAFETY: the handle may be written, as documented.
    unsafe { hand_out(SUBSCRIBE, handle) }
}

unsafe extern "win64" fn unsubscribe(handle: usize) -> i32 {
    give_back("FwpmBfeStateUnsubscribeChanges0", SUBSCRIBE, handle);
    STATUS_SUCCESS
}
