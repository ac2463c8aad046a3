// SPDX-License-Identifier: MIT OR Apache-2.0

//! Deferred routines of drivers: DPCs, timers, work items.
//!
//! Each runs on a simulated thread of its own, which belongs to the driver from the
//! moment the routine begins, so that a routine that still runs at the driver's unload
//! is a finding.

use std::collections::{BTreeMap, BTreeSet};

use crate::findings;
use crate::findings::caller::caller;
use crate::kernel::{State, with};
use crate::loader::drivers::{DriverId, Site};
use crate::scheduling::{ThreadId, Waitable, block};
use crate::verifier::driver_call;
use crate::verifier::routine::{EntryState, check_return};

/// The deferred routines that are queued or running.
#[derive(Debug, Default)]
pub(crate) struct Deferred {
    /// The DPCs that are queued, by address.
    pub(crate) queued: BTreeMap<usize, ThreadId>,
    /// The threads of DPCs, queued or running, each with the driver of its routine.
    dpcs: Vec<(Option<DriverId>, ThreadId)>,
    /// The code that initialised each DPC, by address.
    initialized: BTreeMap<usize, Site>,
    /// The timers that are set, by address.
    pub(crate) timers: BTreeMap<usize, ThreadId>,
    /// Those of them that expire before they are due, at once.
    pub(crate) early: BTreeSet<usize>,
    /// The timers whose callback runs, by address.
    pub(crate) firing: BTreeMap<usize, ThreadId>,
    /// The threads of work items that keep their driver's image.
    work: Vec<(DriverId, ThreadId)>,
}

/// Makes a thread for the kernel's own work.
pub(crate) fn defer(
    state: &mut State,
    what: &str,
    by: Option<Site>,
    body: impl FnOnce() + 'static,
) -> Option<ThreadId> {
    let name = format!("{what} {}", state.scheduling.threads().len());
    let thread = state.scheduling.spawn(name, None, body);
    if thread.is_none() {
        let what = "more DPCs, timers and work items wait than the machine has stacks for";
        let site = caller(state).or(by);
        findings::report(state, "livelock", what.to_owned(), site);
    }
    if let Some(thread) = thread {
        state.scheduling.thread_mut(thread).made_by = by;
        if let Some(by) = by {
            state.record_work(by.driver, "a driver with deferred routines");
        }
    }
    thread
}

/// Remembers the code that initialises a DPC.
pub(crate) fn initialize_dpc(state: &mut State, address: usize) {
    if let Some(by) = caller(state) {
        state.objects.deferred.initialized.insert(address, by);
    }
}

/// The code that has initialised a DPC.
pub(crate) fn initialized_by(state: &State, address: usize) -> Option<Site> {
    state.objects.deferred.initialized.get(&address).copied()
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

/// Returns `true` if a DPC runs on a thread.
pub(crate) fn is_dpc(state: &State, thread: ThreadId) -> bool {
    let deferred = &state.objects.deferred;
    let mut dpcs = deferred.dpcs.iter().map(|(_, dpc)| dpc);
    dpcs.any(|&dpc| dpc == thread) || deferred.firing.values().any(|&dpc| dpc == thread)
}

pub(crate) fn add_work(state: &mut State, driver: DriverId, thread: ThreadId) {
    state.objects.deferred.work.push((driver, thread));
}

fn unfinished(state: &mut State, of: impl Fn(&Deferred) -> Vec<ThreadId>) -> Option<ThreadId> {
    let threads = of(&state.objects.deferred);
    let alive = |id: &ThreadId| !state.scheduling.thread(*id).has_ended();
    threads.into_iter().find(alive)
}

/// A routine of a driver that runs later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Routine {
    /// What it is, for its return.
    pub(crate) what: &'static str,
    /// What it is, if it is no code.
    pub(crate) named: &'static str,
    pub(crate) address: usize,
    /// The code that named it.
    pub(crate) by: Option<Site>,
}

/// Runs a driver's routine on the current thread, which the kernel has made.
///
/// # Safety
///
/// The routine takes these arguments.
pub(crate) unsafe fn run(routine: Routine, arguments: &[usize]) {
    let Routine {
        what,
        named,
        address,
        by,
    } = routine;
    let before = EntryState::now();
    let site = with(|state| {
        let site = state.loader.drivers.site(address);
        state.scheduling.current_mut().driver = site.map(|site| site.driver);
        site
    });
    // SAFETY: the arguments are right, by this function's contract.
    unsafe { driver_call::call(named, address, by, arguments) };
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
