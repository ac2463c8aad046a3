// SPDX-License-Identifier: MIT OR Apache-2.0

//! The checks when a driver's routine returns: the processor state, the IRQL, the locks and the
//! critical regions must be those with which it was called.

use std::fmt;

use crate::findings::bug_check::{self, CONVENTION, unexpected_irql};
use crate::findings::stop_at;
use crate::hardware::convention;
use crate::hardware::irql::{self, DISPATCH_LEVEL, Irql};
use crate::kernel::with;
use crate::loader::drivers::Site;
use crate::verifier::locks;

/// The routine of a work item, as findings name it.
pub(crate) const WORK_ITEM: &str = "a work item's routine";

/// The state of a thread when a driver's routine is called, which the routine must
/// restore; by default that of a new thread.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EntryState {
    pub(crate) level: Irql,
    /// The number of locks it holds.
    pub(crate) held: usize,
    /// The number of critical and guarded regions it is in.
    pub(crate) regions: usize,
    /// The number of processes it is attached to.
    pub(crate) attached: usize,
    /// The number of extended processor states that the thread has saved.
    pub(crate) saved: usize,
}

impl EntryState {
    pub(crate) fn now() -> Self {
        with(|state| {
            let current = state.scheduling.current();
            Self {
                level: current.irql,
                held: state
                    .verifier
                    .locks
                    .of(state.scheduling.current_id())
                    .count(),
                regions: current.regions.len(),
                attached: current.attached.len(),
                saved: current.saved.len(),
            }
        })
    }
}

/// Checks that a driver's routine has returned with the processor state that the calling
/// convention demands.
pub(crate) fn check_convention(what: impl fmt::Display, site: Option<Site>) {
    if let Some(irregular) = convention::check_returned() {
        stop_at(CONVENTION, format!("{what} returned {irregular}"), site);
    }
}

/// Checks that a driver's routine has returned with the state it was called with.
pub(crate) fn check_return(what: &str, before: EntryState, site: Option<Site>) {
    check_convention(what, site);
    let level = before.level;
    let now = with(|state| state.scheduling.current().irql);
    if now != level {
        let code = match what {
            WORK_ITEM if now >= DISPATCH_LEVEL => {
                let routine = with(|state| bug_check::address_of(state, site));
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
