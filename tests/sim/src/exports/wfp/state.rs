// SPDX-License-Identifier: MIT OR Apache-2.0

//! The state of the filter engine, which runs all the time.

use windows_sys::Win32::Foundation::{
    STATUS_FWP_NULL_POINTER, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS,
};
use windows_sys::Win32::NetworkManagement::WindowsFilteringPlatform::FWPM_SERVICE_RUNNING;

use crate::exports::exports;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::with;
use crate::objects::wfp::Subscription;
use crate::verifier::faults::{self, FaultKind};

exports! {
    of "fwpkclnt.sys":
    "FwpmBfeStateGet0" <= DISPATCH_LEVEL => get: i32;
    "FwpmBfeStateSubscribeChanges0" <= PASSIVE_LEVEL => subscribe: i32;
    "FwpmBfeStateUnsubscribeChanges0" <= PASSIVE_LEVEL => unsubscribe: i32;
}

unsafe extern "win64" fn get() -> i32 {
    FWPM_SERVICE_RUNNING
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
    let subscribed = with(|state| {
        if faults::fails(state, FaultKind::Allocation) {
            return None;
        }
        let by = caller(state);
        let wfp = &mut state.objects.wfp;
        let handle = wfp.next_handle();
        wfp.subscriptions.push(Subscription { handle, by });
        Some(handle)
    });
    let Some(subscribed) = subscribed else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    // SAFETY: the handle may be written, as documented.
    unsafe { handle.write(subscribed) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn unsubscribe(handle: usize) -> i32 {
    let was_there = with(|state| {
        let all = &mut state.objects.wfp.subscriptions;
        let before = all.len();
        all.retain(|it| it.handle != handle);
        all.len() < before
    });
    if !was_there {
        let what = "FwpmBfeStateUnsubscribeChanges0 was called with what is no registration, or \
                    was unregistered before";
        stop("wfp", what.to_owned());
    }
    STATUS_SUCCESS
}
