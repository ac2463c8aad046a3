// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls of a routine on all processors at once, at `IPI_LEVEL`.

use crate::exports::execution::levels::{current, lower, set};
use crate::exports::exports;
use crate::findings::caller::caller;
use crate::hardware::irql::{IPI_LEVEL, PASSIVE_LEVEL};
use crate::kernel::with;
use crate::loader::drivers::Site;
use crate::objects::deferred;
use crate::scheduling::clocks::Sync;
use crate::scheduling::{join, point};
use crate::verifier::driver_call;
use crate::verifier::routine::{EntryState, check_return};

exports! {
    "KeIpiGenericCall" <= IPI_LEVEL - 1 => broadcast: usize;
}

const NAME: &str = "the routine of KeIpiGenericCall";

/// Calls the routine on each processor. No other thread runs until all calls have returned.
unsafe extern "win64" fn broadcast(routine: usize, argument: usize) -> usize {
    let before = current();
    set(IPI_LEVEL);
    let handlers: Vec<_> = with(|state| {
        let by = caller(state);
        let others = state.scheduling.begin_broadcast();
        let handlers = others.into_iter().map(|processor| {
            let body = move || handle(routine, argument, by);
            let thread = deferred::defer(state, "processor", by, body)?;
            state.scheduling.interrupt(thread, processor);
            Some(thread)
        });
        handlers.flatten().collect()
    });
    point();
    let entry = EntryState::now();
    let by = with(|state| caller(state));
    // SAFETY: the driver's own routine with its own argument.
    let result = unsafe { driver_call::call(NAME, routine, by, &[argument]) };
    let site = with(|state| state.loader.drivers.site(routine));
    check_return("IpiGenericCall", entry, site);
    for handler in handlers {
        join(handler);
    }
    with(|state| {
        state.scheduling.acquire(Sync::Broadcast);
        state.scheduling.end_broadcast();
    });
    lower(before);
    result
}

/// Handles the interrupt of another processor.
fn handle(routine: usize, argument: usize, by: Option<Site>) {
    // Pageable memory is inaccessible at this level, too.
    set(IPI_LEVEL);
    let routine = deferred::Routine {
        what: "IpiGenericCall",
        named: NAME,
        address: routine,
        by,
    };
    // SAFETY: the driver's own routine with its own argument.
    unsafe { deferred::run(routine, &[argument]) };
    set(PASSIVE_LEVEL);
}
