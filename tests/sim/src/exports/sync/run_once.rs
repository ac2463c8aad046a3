// SPDX-License-Identifier: MIT OR Apache-2.0

//! One-time initialization.
//!
//! The structure is one word: a driver's data, except for the two lowest bits, which the kernel
//! uses.

use windows_sys::Win32::Foundation::{
    STATUS_INVALID_PARAMETER, STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
};

use crate::exports::execution::levels::{enter_region, leave_region};
use crate::exports::exports;
use crate::exports::memory::access::{get, set};
use crate::findings::caller::caller;
use crate::hardware::irql::APC_LEVEL;
use crate::kernel::with;
use crate::scheduling::clocks::Sync;
use crate::scheduling::{Waitable, block};
use crate::verifier::driver_call;
use crate::verifier::routine::{EntryState, check_return};

exports! {
    "RtlRunOnceInitialize" <= APC_LEVEL => initialize: ();
    "RtlRunOnceBeginInitialize" <= APC_LEVEL => begin: i32;
    "RtlRunOnceComplete" <= APC_LEVEL => complete: i32;
    "RtlRunOnceExecuteOnce" <= APC_LEVEL => execute: i32;
}

/// The bits of the word that are not data: `RTL_RUN_ONCE_CTX_RESERVED_BITS`.
const STATE: usize = 0b11;
/// The state in which one thread initializes and others wait.
const EXCLUSIVE: usize = 1;
/// The state in which the data is initialized.
const DONE: usize = 2;
/// The state in which any number of threads initialize.
const PARALLEL: usize = 3;

/// `RTL_RUN_ONCE_CHECK_ONLY`, `RTL_RUN_ONCE_ASYNC`, `RTL_RUN_ONCE_INIT_FAILED`.
const CHECK_ONLY: u32 = 1;
const ASYNC: u32 = 2;
const INIT_FAILED: u32 = 4;

/// `STATUS_PENDING`: the caller initializes.
const STATUS_PENDING: i32 = 0x103;

unsafe extern "win64" fn initialize(once: usize) {
    set(once, 0_usize);
}

unsafe extern "win64" fn begin(once: usize, flags: u32, context: usize) -> i32 {
    begin_initialization(once, flags, context)
}

fn begin_initialization(once: usize, flags: u32, context: usize) -> i32 {
    loop {
        let word = get::<usize>(once);
        match word & STATE {
            DONE => {
                with(|state| state.scheduling.acquire(Sync::Object(once)));
                if context != 0 {
                    set(context, word & !STATE);
                }
                return STATUS_SUCCESS;
            }
            _ if flags & CHECK_ONLY != 0 => return STATUS_UNSUCCESSFUL,
            0 => {
                // An earlier attempt may have failed; its accesses are ordered before this one.
                with(|state| state.scheduling.acquire(Sync::Object(once)));
                let begun = if flags & ASYNC == 0 {
                    EXCLUSIVE
                } else {
                    PARALLEL
                };
                set(once, begun);
                return STATUS_PENDING;
            }
            PARALLEL if flags & ASYNC != 0 => return STATUS_PENDING,
            EXCLUSIVE if flags & ASYNC == 0 => {
                block(Waitable::Object(once), None);
            }
            _ => return STATUS_INVALID_PARAMETER,
        }
    }
}

unsafe extern "win64" fn complete(once: usize, flags: u32, context: usize) -> i32 {
    complete_initialization(once, flags, context)
}

fn complete_initialization(once: usize, flags: u32, context: usize) -> i32 {
    let fails = flags & INIT_FAILED != 0;
    if context & STATE != 0 || (fails && (flags & ASYNC != 0 || context != 0)) {
        return STATUS_INVALID_PARAMETER;
    }
    let begun = get::<usize>(once) & STATE;
    let expected = if flags & ASYNC == 0 {
        EXCLUSIVE
    } else {
        PARALLEL
    };
    if begun != expected {
        return STATUS_UNSUCCESSFUL;
    }
    set(once, if fails { 0 } else { context | DONE });
    with(|state| {
        state.scheduling.release(Sync::Object(once));
        state.scheduling.wake_all(Waitable::Object(once));
    });
    STATUS_SUCCESS
}

unsafe extern "win64" fn execute(
    once: usize,
    routine: usize,
    parameter: usize,
    context: usize,
) -> i32 {
    // SAFETY: it needs nothing.
    unsafe { enter_region() };
    let mut status = begin_initialization(once, 0, context);
    if status == STATUS_PENDING {
        status = run(once, routine, parameter, context);
    }
    // SAFETY: it needs nothing.
    unsafe { leave_region() };
    status
}

/// Calls a `RunOnceInitialization` routine, and completes the initialization.
fn run(once: usize, routine: usize, parameter: usize, context: usize) -> i32 {
    let mut data = 0_usize;
    let place = &raw mut data;
    let before = EntryState::now();
    let by = with(|state| caller(state));
    let what = "the routine of RtlRunOnceExecuteOnce";
    let arguments = [once, parameter, place.addr()];
    // SAFETY: the driver's own routine, with the arguments that are documented for it.
    let result = unsafe { driver_call::call(what, routine, by, &arguments) };
    let site = with(|state| state.loader.drivers.site(routine));
    check_return("RunOnceInitialization", before, site);
    // It returns a `LOGICAL`, which is true if it has succeeded.
    if driver_call::status(result) == 0 {
        complete_initialization(once, INIT_FAILED, 0);
        return STATUS_UNSUCCESSFUL;
    }
    // SAFETY: the routine may have written there, and nothing else does.
    let data = unsafe { place.read_volatile() };
    let status = complete_initialization(once, 0, data);
    if status == STATUS_SUCCESS && context != 0 {
        set(context, data);
    }
    status
}
