// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls with a guaranteed amount of stack.
//!
//! The stacks of simulated threads are larger than Windows' are ever expanded to, so
//! that the routine runs on its caller's stack.

use std::ffi::c_void;

use windows_sys::Win32::Foundation::{
    STATUS_INVALID_PARAMETER_3, STATUS_INVALID_PARAMETER_4, STATUS_NO_MEMORY, STATUS_SUCCESS,
};

use crate::exports::execution::levels;
use crate::exports::exports;
use crate::findings::caller::caller;
use crate::hardware::irql::{APC_LEVEL, DISPATCH_LEVEL};
use crate::kernel::with;
use crate::verifier::driver_call;
use crate::verifier::faults;
use crate::verifier::routine::{EntryState, check_return};

exports! {
    "KeExpandKernelStackAndCallout" <= APC_LEVEL => expand: i32;
    "KeExpandKernelStackAndCalloutEx" <= DISPATCH_LEVEL => expand_ex: i32;
}

/// `MAXIMUM_EXPANSION_SIZE`: 18 pages without half of the 6 of a usual stack.
const MOST: usize = 0xF000;

unsafe extern "win64" fn expand(callout: usize, parameter: *mut c_void, size: usize) -> i32 {
    call(callout, parameter, size)
}

unsafe extern "win64" fn expand_ex(
    callout: usize,
    parameter: *mut c_void,
    size: usize,
    wait: u8,
    _context: usize,
) -> i32 {
    if wait != 0 && levels::current() >= DISPATCH_LEVEL {
        return STATUS_INVALID_PARAMETER_4;
    }
    call(callout, parameter, size)
}

fn call(callout: usize, parameter: *mut c_void, room: usize) -> i32 {
    if room > MOST {
        return STATUS_INVALID_PARAMETER_3;
    }
    if with(|state| faults::fails(state, faults::FaultKind::Allocation)) {
        return STATUS_NO_MEMORY;
    }
    let entry = EntryState::now();
    let by = with(|state| caller(state));
    let what = "the routine for an expanded stack";
    let before = with(|state| {
        let current = state.scheduling.current_mut();
        let before = current.stack_room;
        current.stack_room = before.max(current.stack_used() + room);
        before
    });
    // SAFETY: the driver's own routine with its own argument.
    unsafe { driver_call::call(what, callout, by, &[parameter.addr()]) };
    with(|state| state.scheduling.current_mut().stack_room = before);
    let site = with(|state| state.loader.drivers.site(callout));
    check_return("ExpandedStackCall", entry, site);
    STATUS_SUCCESS
}
