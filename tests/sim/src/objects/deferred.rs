// SPDX-License-Identifier: MIT OR Apache-2.0

//! Routines that the kernel calls for a driver later: DPCs, timers, work items.
//!
//! Each runs on a simulated thread of its own, which belongs to the driver from
//! the moment in which the routine begins, so that it is missed if it still runs
//! when the driver goes.

use std::collections::BTreeMap;

use crate::findings::bug_check::unexpected_irql;
use crate::findings::report::stop_at;
use crate::hardware::irql::{self, DISPATCH_LEVEL, Irql};
use crate::kernel::{State, with};
use crate::loader::drivers::{DriverId, Site};
use crate::scheduling::scheduler::{ThreadId, Waitable, block};
use crate::verifier::locks;

/// What [`run`] calls the routine of a work item.
pub(crate) const WORK_ITEM: &str = "a work item's routine";

/// What is under way.
#[derive(Debug, Default)]
pub(crate) struct Deferred {
    /// The DPCs that are queued, by address.
    pub(crate) queued: BTreeMap<usize, ThreadId>,
    /// The threads of DPCs, queued or running.
    dpcs: Vec<ThreadId>,
    /// The timers that are set, by address.
    pub(crate) timers: BTreeMap<usize, ThreadId>,
    /// The timers whose callback runs, by address.
    pub(crate) firing: BTreeMap<usize, ThreadId>,
    /// The threads of work items that keep their driver's image.
    work: Vec<(DriverId, ThreadId)>,
}

impl State {
    /// Makes a thread for the kernel's own work.
    pub(crate) fn defer(&mut self, what: &str, body: impl FnOnce() + 'static) -> Option<ThreadId> {
        let name = format!("{what} {}", self.scheduler.threads.len());
        let thread = self.spawn(name, None, body);
        if thread.is_none() {
            let what = "more DPCs, timers and work items wait than the machine has stacks for";
            self.report("livelock", what.to_owned(), self.caller());
        }
        thread
    }

    pub(crate) fn add_dpc(&mut self, address: usize, thread: ThreadId) {
        self.deferred.queued.insert(address, thread);
        self.deferred.dpcs.push(thread);
    }

    pub(crate) fn add_work(&mut self, driver: DriverId, thread: ThreadId) {
        self.deferred.work.push((driver, thread));
    }

    fn unfinished(&mut self, of: impl Fn(&Deferred) -> Vec<ThreadId>) -> Option<ThreadId> {
        let threads = of(&self.deferred);
        let alive = |id: &ThreadId| !self.scheduler.thread(*id).has_ended();
        threads.into_iter().find(alive)
    }
}

/// Runs a driver's routine on the current thread, which the kernel has made.
pub(crate) fn run(routine: usize, what: &str, call: impl FnOnce()) {
    let before = Before::now();
    let site = with(|state| {
        let site = state.drivers.site(routine);
        state.scheduler.current_mut().driver = site.map(|site| site.driver);
        site
    });
    call();
    check_return(what, before, site);
    with(|state| state.scheduler.current_mut().driver = None);
}

/// What a thread keeps through a call of a driver's routine; by default what a
/// thread begins with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Before {
    pub(crate) level: Irql,
    /// How many locks it holds.
    pub(crate) held: usize,
    /// How many critical regions it is in.
    pub(crate) regions: u32,
}

impl Before {
    pub(crate) fn now() -> Self {
        with(|state| {
            let current = state.scheduler.current();
            Self {
                level: current.irql,
                held: state.locks.of(state.scheduler.current_id()).count(),
                regions: current.regions,
            }
        })
    }
}

/// What holds when a driver's routine has returned.
pub(crate) fn check_return(what: &str, before: Before, site: Option<Site>) {
    let level = before.level;
    let now = with(|state| state.scheduler.current().irql);
    if now != level {
        let code = match what {
            WORK_ITEM if now >= DISPATCH_LEVEL => {
                let routine = with(|state| state.address(site));
                ("0xE1", [routine, usize::from(now), 0, 0]).into()
            }
            _ => unexpected_irql(now, level),
        };
        let (now, level) = (irql::name(now), irql::name(level));
        stop_at(
            code,
            format!("{what} returned at {now}, it was called at {level}"),
            site,
        );
    }
    locks::check_none_taken(what, before, site);
}

fn join(of: impl Fn(&Deferred) -> Vec<ThreadId>) {
    while let Some(thread) = with(|state| state.unfinished(&of)) {
        block(Waitable::Thread(thread), None);
    }
}

/// Waits until no DPC is queued or runs.
pub(crate) fn flush_dpcs() {
    let now = with(|state| state.deferred.dpcs.clone());
    join(|_| now.clone());
    with(|state| {
        let threads = &state.scheduler.threads;
        state.deferred.dpcs.retain(|id| !threads[id.0].has_ended());
    });
}

/// Waits until no work item keeps the image of a driver.
pub(crate) fn join_work(driver: DriverId) {
    join(|deferred| {
        let mine = deferred.work.iter().filter(|(of, _)| *of == driver);
        mine.map(|&(_, thread)| thread).collect()
    });
}
