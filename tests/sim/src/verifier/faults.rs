// SPDX-License-Identifier: MIT OR Apache-2.0

//! Faults: calls of the kernel and of NMR that fail although nothing is wrong.
//!
//! A driver whose `DriverEntry` met one may fail, but must leave nothing; one
//! that goes on must still come to a clean end.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use registrar::host::{Call, Event, Phase, Side};
use scenarios::{CallbackKind, TraceKind};
pub use scenarios::{Fault, FaultKind, Faults};

use crate::findings::caller::caller;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::{State, with};
use crate::loader::drivers::DriverId;
use crate::scheduling::{MICROSECOND, sleep};

/// The faults of a cycle.
#[derive(Debug)]
pub(crate) struct FaultInjector {
    faults: Faults,
    /// How many calls of each kind there were.
    pub(crate) seen: BTreeMap<FaultKind, u64>,
    random: ChaCha8Rng,
    /// The drivers that have met a fault.
    met: Vec<DriverId>,
    /// The call of this driver that fails in its `DriverEntry`: so many are left
    /// until then.
    entry: Option<(DriverId, u8)>,
    /// The faults that were injected, in words.
    pub(crate) injected: Vec<String>,
}

/// In random mode, one in `RARITY` calls fails.
const RARITY: u32 = 24;
/// In random mode, one in `LATE` callbacks is delayed.
const LATE: u32 = 8;
/// The longest delay at the edge of a callback, in microseconds.
const LONGEST: u64 = 200;

impl FaultInjector {
    pub(crate) const fn new(faults: Faults, random: ChaCha8Rng) -> Self {
        Self {
            faults,
            seen: BTreeMap::new(),
            random,
            met: Vec::new(),
            entry: None,
            injected: Vec::new(),
        }
    }
}

impl FaultInjector {
    /// Lets a call of this driver fail, counted from 1. Returns `None` if that
    /// is over.
    pub(crate) fn plan_entry(&mut self, driver: DriverId, call: Option<u8>) {
        self.entry = call.map(|call| (driver, call));
    }

    /// Returns `true` if a call of this driver is the one that was planned.
    fn is_planned(&mut self, by: Option<DriverId>) -> bool {
        let planned = self
            .entry
            .as_mut()
            .filter(|(driver, _)| by == Some(*driver));
        planned.is_some_and(|(_, left)| {
            *left = left.saturating_sub(1);
            *left == 0
        })
    }
}

/// Returns `true` if the call of this kind that is being made fails.
pub(crate) fn fails(state: &mut State, kind: FaultKind) -> bool {
    let by = caller(state).map(|by| by.driver);
    let faults = &mut state.verifier.faults;
    let seen = faults.seen.entry(kind).or_default();
    *seen += 1;
    let number = *seen;
    let fails = match faults.faults {
        Faults::None | Faults::Systematic => false,
        Faults::Random if kind.is_late() => faults.random.random_ratio(1, LATE),
        Faults::Random => faults.random.random_ratio(1, RARITY),
        Faults::One(one) => one == Fault { kind, number },
    };
    if !kind.is_late() && faults.is_planned(by) {
        faults.entry = None;
        faults.met.extend(by);
        state.trace(|_| TraceKind::Fault(format!("{kind} {number}")));
        return true;
    }
    if fails {
        let name = format!("{kind} {number}");
        // Nobody fails because something took a while.
        faults.met.extend(by.filter(|_| !kind.is_late()));
        faults.injected.push(name.clone());
        state.trace(|_| TraceKind::Fault(name));
    }
    fails
}

/// A call of this driver fails although nothing is wrong.
pub(crate) fn meet(state: &mut State, driver: DriverId) {
    state.verifier.faults.met.push(driver);
}

/// Returns `true` if a call of this driver has failed although nothing was
/// wrong.
pub(crate) fn has_met_fault(state: &State, driver: DriverId) -> bool {
    state.verifier.faults.met.contains(&driver)
}

/// The callback that a call is, if it is one.
const fn callback_of(call: Call, side: Side) -> Option<CallbackKind> {
    Some(match (side, call) {
        (Side::Client, Call::AttachCallback) => CallbackKind::ClientAttach,
        (Side::Client, Call::DetachCallback) => CallbackKind::ClientDetach,
        (Side::Client, Call::CleanupCallback) => CallbackKind::ClientCleanup,
        (Side::Provider, Call::AttachCallback) => CallbackKind::ProviderAttach,
        (Side::Provider, Call::DetachCallback) => CallbackKind::ProviderDetach,
        (Side::Provider, Call::CleanupCallback) => CallbackKind::ProviderCleanup,
        _ => return None,
    })
}

/// The edge of a callback, if the event is one: it may take a while until that
/// is passed, where it may block at all.
pub(crate) fn delay(event: &Event) {
    let Some(callback) = callback_of(event.call, event.side) else {
        return;
    };
    let kind = match event.phase {
        Phase::Enter => FaultKind::Before(callback),
        Phase::Leave(_) => FaultKind::After(callback),
    };
    let late = with(|state| {
        let blocks = state.scheduling.current().irql < DISPATCH_LEVEL;
        (blocks && fails(state, kind))
            .then(|| state.verifier.faults.random.random_range(1..=LONGEST) * MICROSECOND)
    });
    if let Some(time) = late {
        sleep(time);
    }
}
