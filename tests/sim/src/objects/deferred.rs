// SPDX-License-Identifier: MIT OR Apache-2.0

//! Deferred routines of drivers: DPCs, timers, work items.
//!
//! Each runs on a simulated thread of its own, which belongs to the driver from the
//! moment the routine begins, so that a routine that still runs at the driver's unload
//! is a finding.

use std::collections::BTreeMap;

use crate::findings;
use crate::findings::caller::caller;
use crate::kernel::{State, with};
use crate::loader::drivers::DriverId;
use crate::scheduling::{ThreadId, Waitable, block};
use crate::verifier::routine::{EntryState, check_return};

/// The deferred routines that are queued or running.
#[derive(Debug, Default)]
pub(crate) struct Deferred {
    /// The DPCs that are queued, by address.
    pub(crate) queued: BTreeMap<usize, ThreadId>,
    /// The threads of DPCs, queued or running, each with the driver of its routine.
    dpcs: Vec<(Option<DriverId>, ThreadId)>,
    /// The timers that are set, by address.
    pub(crate) timers: BTreeMap<usize, ThreadId>,
    /// The timers whose callback runs, by address.
    pub(crate) firing: BTreeMap<usize, ThreadId>,
    /// The threads of work items that keep their driver's image.
    work: Vec<(DriverId, ThreadId)>,
}

/// Makes a thread for the kernel's own work.
pub(crate) fn defer(
    state: &mut State,
    what: &str,
    body: impl FnOnce() + 'static,
) -> Option<ThreadId> {
    let name = format!("{what} {}", state.scheduling.threads().len());
    let thread = state.scheduling.spawn(name, None, body);
    if thread.is_none() {
        let what = "more DPCs, timers and work items wait than the machine has stacks for";
        findings::report(state, "livelock", what.to_owned(), caller(state));
    }
    thread
}

pub(crate) fn add_dpc(
    state: &mut State,
    address: usize,
    driver: Option<DriverId>,
    thread: ThreadId,
) {
    let State {
        objects,
        scheduling,
        ..
    } = state;
    let deferred = &mut objects.deferred;
    deferred.queued.insert(address, thread);
    let runs = |(_, thread): &(_, ThreadId)| !scheduling.thread(*thread).has_ended();
    deferred.dpcs.retain(runs);
    deferred.dpcs.push((driver, thread));
}

/// Returns `true` if a DPC of a driver is queued or runs.
pub(crate) fn has_dpcs(state: &State, driver: DriverId) -> bool {
    let mut dpcs = state.objects.deferred.dpcs.iter();
    dpcs.any(|&(of, thread)| of == Some(driver) && !state.scheduling.thread(thread).has_ended())
}

pub(crate) fn add_work(state: &mut State, driver: DriverId, thread: ThreadId) {
    state.objects.deferred.work.push((driver, thread));
}

fn unfinished(state: &mut State, of: impl Fn(&Deferred) -> Vec<ThreadId>) -> Option<ThreadId> {
    let threads = of(&state.objects.deferred);
    let alive = |id: &ThreadId| !state.scheduling.thread(*id).has_ended();
    threads.into_iter().find(alive)
}

/// Runs a driver's routine on the current thread, which the kernel has made.
pub(crate) fn run(routine: usize, what: &str, call: impl FnOnce()) {
    let before = EntryState::now();
    let site = with(|state| {
        let site = state.loader.drivers.site(routine);
        state.scheduling.current_mut().driver = site.map(|site| site.driver);
        site
    });
    call();
    check_return(what, before, site);
    with(|state| state.scheduling.current_mut().driver = None);
}

fn join(of: impl Fn(&Deferred) -> Vec<ThreadId>) {
    while let Some(thread) = with(|state| unfinished(state, &of)) {
        block(Waitable::Thread(thread), None);
    }
}

/// Waits until no DPC is queued or runs.
pub(crate) fn flush_dpcs() {
    let now: Vec<_> = with(|state| {
        let dpcs = state.objects.deferred.dpcs.iter();
        dpcs.map(|&(_, thread)| thread).collect()
    });
    join(|_| now.clone());
    with(|state| {
        let threads = &state.scheduling.threads();
        state
            .objects
            .deferred
            .dpcs
            .retain(|(_, thread)| !threads[thread.0].has_ended());
    });
}

/// Waits until no work item keeps the image of a driver.
pub(crate) fn join_work(driver: DriverId) {
    join(|deferred| {
        let mine = deferred.work.iter().filter(|(of, _)| *of == driver);
        mine.map(|&(_, thread)| thread).collect()
    });
}
