// SPDX-License-Identifier: MIT OR Apache-2.0

//! Extended processor states that drivers save and restore. The registers themselves keep
//! their values; the order, the thread and the IRQL are checked.

use windows_sys::Win32::Foundation::{STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS};

use crate::exports::exports;
use crate::exports::memory::access::{get, set};
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{self, DISPATCH_LEVEL, HIGH_LEVEL};
use crate::kernel::with;
use crate::scheduling::SavedState;
use crate::verifier::faults::{self, FaultKind};

exports! {
    "KeSaveExtendedProcessorState" <= DISPATCH_LEVEL => save: i32;
    "KeRestoreExtendedProcessorState" <= DISPATCH_LEVEL => restore: ();
    "RtlGetEnabledExtendedFeatures" <= HIGH_LEVEL => enabled: u64;
}

/// The states of x87 and SSE, `XSTATE_MASK_LEGACY`: the simulated processor has no AVX.
const ENABLED: u64 = 0b11;
/// The states that may be saved: those, and `XSTATE_MASK_GSSE`, which is empty.
const SAVED: u64 = 0b111;
/// The size of `XSTATE_SAVE`, whose contents are opaque to drivers.
const SIZE: usize = 0x38;

unsafe extern "win64" fn enabled(mask: u64) -> u64 {
    mask & ENABLED
}

unsafe extern "win64" fn save(mask: u64, place: usize) -> i32 {
    if mask & !SAVED != 0 {
        let what = format!(
            "KeSaveExtendedProcessorState was called with the mask {mask:#x}, of which at most \
             {SAVED:#x} can be saved"
        );
        stop("0xC4", what);
    }
    if with(|state| faults::fails(state, FaultKind::Allocation)) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let outer = with(|state| state.scheduling.current().saved.last().copied());
    let level = with(|state| state.scheduling.current().irql);
    if let Some(outer) = outer.filter(|outer| level < outer.irql) {
        let (level, outer) = (irql::name(level), irql::name(outer.irql));
        let what = format!(
            "KeSaveExtendedProcessorState was called at {level} within a state that was saved at \
             {outer}"
        );
        stop("0xC4", what);
    }
    // All of it must be writable.
    for offset in (0..SIZE).step_by(size_of::<usize>()) {
        set(place + offset, 0_usize);
    }
    with(|state| {
        let by = caller(state);
        let saved = SavedState {
            place,
            irql: level,
            by,
        };
        state.scheduling.current_mut().saved.push(saved);
    });
    STATUS_SUCCESS
}

unsafe extern "win64" fn restore(place: usize) {
    get::<usize>(place);
    let saved = with(|state| state.scheduling.current().saved.last().copied());
    let Some(saved) = saved.filter(|saved| saved.place == place) else {
        let what = "KeRestoreExtendedProcessorState was called with what is not the state that \
                    this thread saved last";
        stop("0xC4", what.to_owned());
    };
    let level = with(|state| state.scheduling.current().irql);
    if level != saved.irql {
        let (level, before) = (irql::name(level), irql::name(saved.irql));
        let what = format!(
            "KeRestoreExtendedProcessorState was called at {level} with a state that was saved at \
             {before}"
        );
        stop("0xC4", what);
    }
    with(|state| state.scheduling.current_mut().saved.pop());
}
