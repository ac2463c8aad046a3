// SPDX-License-Identifier: MIT OR Apache-2.0

//! Power requests, with which drivers keep the system from sleeping.

use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS,
};

use crate::exports::exports;
use crate::exports::memory::access::set;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{APC_LEVEL, DISPATCH_LEVEL};
use crate::kernel::with;
use crate::objects::kernel_objects::ObjectKind;
use crate::verifier::faults::{self, FaultKind};

exports! {
    "PoCreatePowerRequest" <= APC_LEVEL => create: i32;
    "PoSetPowerRequest" <= DISPATCH_LEVEL => change: i32;
    "PoClearPowerRequest" <= DISPATCH_LEVEL => change: i32;
    "PoDeletePowerRequest" <= APC_LEVEL => delete: ();
}

unsafe extern "win64" fn create(place: usize, device: usize, _context: usize) -> i32 {
    set(place, 0_usize);
    if device == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    let made = with(|state| {
        if faults::fails(state, FaultKind::Allocation) {
            return None;
        }
        let by = caller(state);
        let request = state.objects.notifications.next_handle();
        let kind = ObjectKind::PowerRequest;
        state.objects.created.add(request, kind, by);
        state.objects.power_requests.insert(request, device);
        Some(request)
    });
    match made {
        Some(request) => {
            set(place, request);
            STATUS_SUCCESS
        }
        None => STATUS_INSUFFICIENT_RESOURCES,
    }
}

fn check(request: usize) {
    let kind = ObjectKind::PowerRequest;
    if with(|state| state.objects.created.is(request, kind)) {
        return;
    }
    let before = with(|state| {
        let by = state.objects.created.deleted(request, kind)?;
        Some(state.loader.drivers.show(by))
    });
    let what = before.map_or_else(
        || format!("{request:#x} is used as a power request, which PoCreatePowerRequest has not returned"),
        |by| format!("a power request is used that {by} has deleted"),
    );
    stop("0xC4", what);
}

/// Changes the count of a request, which has no effect.
unsafe extern "win64" fn change(request: usize, kind: i32) -> i32 {
    /// `PowerRequestSystemRequired`, the only one that is documented for drivers.
    const SYSTEM_REQUIRED: i32 = 1;
    check(request);
    if kind == SYSTEM_REQUIRED {
        STATUS_SUCCESS
    } else {
        STATUS_NOT_SUPPORTED
    }
}

unsafe extern "win64" fn delete(request: usize) {
    check(request);
    with(|state| {
        let by = caller(state);
        let kind = ObjectKind::PowerRequest;
        state.objects.created.delete(request, kind, by);
        state.objects.power_requests.remove(&request);
    });
}

/// Checks that a device which is deleted has no power request.
pub(in crate::exports) fn check_device(device: usize) {
    let by = with(|state| {
        let mut all = state.objects.power_requests.iter();
        let (request, _) = all.find(|(_, of)| **of == device)?;
        let by = state.objects.created.creator(*request)?;
        Some(state.loader.drivers.show(by))
    });
    if let Some(by) = by {
        let what = format!(
            "a device was deleted for which {by} has created a power request: \
             PoDeletePowerRequest comes first"
        );
        stop("0xC4", what);
    }
}
