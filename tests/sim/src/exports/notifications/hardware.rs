// SPDX-License-Identifier: MIT OR Apache-2.0

//! Routines that are called at non-maskable interrupts, of which there are none here, and when
//! processors are added: those that are there can be told of at once.

use windows_sys::Win32::Foundation::{STATUS_INVALID_HANDLE, STATUS_SUCCESS};

use crate::exports::exports;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{APC_LEVEL, PASSIVE_LEVEL};
use crate::kernel::with;
use crate::loader::drivers::Site;
use crate::objects::kernel_objects::ObjectKind;
use crate::verifier::driver_call;
use crate::verifier::faults::{self, FaultKind};
use crate::verifier::routine::{EntryState, check_return};

exports! {
    "KeRegisterNmiCallback" <= APC_LEVEL => register_nmi: usize;
    "KeDeregisterNmiCallback" <= APC_LEVEL => deregister_nmi: i32;
    "KeRegisterProcessorChangeCallback" <= PASSIVE_LEVEL => register_processors: usize;
    "KeDeregisterProcessorChangeCallback" <= PASSIVE_LEVEL => deregister_processors: ();
}

/// Registers a routine. Returns its handle, 0 if there is no memory.
fn register(kind: ObjectKind) -> usize {
    with(|state| {
        if faults::fails(state, FaultKind::Allocation) {
            return 0;
        }
        let handle = state.objects.notifications.next_handle();
        let by = caller(state);
        state.objects.created.add(handle, kind, by);
        handle
    })
}

unsafe extern "win64" fn register_nmi(_routine: usize, _context: usize) -> usize {
    register(ObjectKind::NmiCallback)
}

unsafe extern "win64" fn deregister_nmi(handle: usize) -> i32 {
    let kind = ObjectKind::NmiCallback;
    if with(|state| state.objects.created.remove(handle, kind)) {
        STATUS_SUCCESS
    } else {
        STATUS_INVALID_HANDLE
    }
}

/// `KE_PROCESSOR_CHANGE_NOTIFY_CONTEXT`.
#[repr(C)]
struct Change {
    state: i32,
    number: u32,
    status: i32,
    /// Its group, and its number in there.
    place: [u16; 2],
}

/// `KeProcessorAddStartNotify`, `KeProcessorAddCompleteNotify`, `KeProcessorAddFailureNotify`.
const STARTS: i32 = 0;
const IS_COMPLETE: i32 = 1;
const HAS_FAILED: i32 = 2;

/// Tells a routine of a change. Returns the status that it leaves.
fn tell(routine: usize, context: usize, by: Option<Site>, mut change: Change) -> i32 {
    let what = "the routine that KeRegisterProcessorChangeCallback registered";
    let mut status = STATUS_SUCCESS;
    let place = &raw mut status;
    let arguments = [context, (&raw mut change).addr(), place.addr()];
    let before = EntryState::now();
    // SAFETY: the driver's own routine, with the arguments that are documented for it.
    unsafe { driver_call::call(what, routine, by, &arguments) };
    check_return(what, before, by);
    // SAFETY: the routine may have written there, and nothing else does.
    unsafe { place.read_volatile() }
}

unsafe extern "win64" fn register_processors(routine: usize, context: usize, flags: u32) -> usize {
    /// `KE_PROCESSOR_CHANGE_ADD_EXISTING`.
    const EXISTING: u32 = 1;
    let handle = register(ObjectKind::ProcessorCallback);
    if handle == 0 || flags & EXISTING == 0 {
        return handle;
    }
    let (by, count) = with(|state| (caller(state), state.scheduling.processors()));
    let change = |state, number: usize, status| Change {
        state,
        number: u32::try_from(number).expect("a group has 64"),
        status,
        place: [0, u16::try_from(number).expect("a group has 64")],
    };
    for number in 0..count {
        let status = tell(routine, context, by, change(STARTS, number, STATUS_SUCCESS));
        if status < 0 {
            for number in 0..=number {
                tell(routine, context, by, change(HAS_FAILED, number, status));
            }
            let kind = ObjectKind::ProcessorCallback;
            with(|state| state.objects.created.remove(handle, kind));
            return 0;
        }
    }
    for number in 0..count {
        tell(
            routine,
            context,
            by,
            change(IS_COMPLETE, number, STATUS_SUCCESS),
        );
    }
    handle
}

unsafe extern "win64" fn deregister_processors(handle: usize) {
    let kind = ObjectKind::ProcessorCallback;
    if !with(|state| state.objects.created.remove(handle, kind)) {
        let what = "KeDeregisterProcessorChangeCallback was called with what is no registration, \
                    or was deregistered before";
        stop("0x7E", what.to_owned());
    }
}
