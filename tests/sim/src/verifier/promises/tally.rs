// SPDX-License-Identifier: MIT OR Apache-2.0

//! What has come of the calls that drivers make and receive: the bounds of what a counter of
//! them can say at a time.
//!
//! A call or completion that is under way may have been counted or not. What comes of a call
//! that a driver makes, it may count as late as before it makes the next one on the same
//! thread.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use npi_description::{NpiId, Outcome, known};

use super::Crossing;
use crate::kernel::State;
use crate::loader::drivers::DriverId;
use crate::scheduling::ThreadId;

/// The calls of one function that a driver makes or receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) driver: DriverId,
    pub(super) made: bool,
    pub(super) npi: u128,
    pub(super) function: &'static str,
}

/// What has come of them.
#[derive(Debug, Default)]
struct Calls {
    begun: u64,
    /// Calls that have not returned.
    inside: u64,
    /// Calls that have neither returned without pending nor begun to be completed.
    open: u64,
    /// Completions that have begun.
    begun_completions: BTreeMap<Outcome, u64>,
    /// What callers know.
    known: BTreeMap<Outcome, u64>,
    /// What each thread of the driver has learnt of the last call that it has made itself: of
    /// these, or of those that complete them.
    latest: BTreeMap<ThreadId, Vec<Outcome>>,
    /// The last request of each thread.
    requests: BTreeMap<ThreadId, u64>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    calls: BTreeMap<Key, Calls>,
    /// The completions that are under way, innermost last, by their threads.
    completing: BTreeMap<ThreadId, Vec<Completion>>,
}

/// A completion that is under way.
#[derive(Debug)]
struct Completion {
    keys: [Key; 2],
    outcome: Outcome,
    request: u64,
    /// The thread of the call.
    caller: ThreadId,
}

impl Calls {
    fn learn(&mut self, outcome: Outcome) {
        *self.known.entry(outcome).or_default() += 1;
    }
}

/// Both sides of a call of a function that some structure counts.
fn keys(call: Crossing) -> Option<[Key; 2]> {
    let function = call.through.function?;
    let npi = NpiId(call.through.npi.to_u128());
    let is_counted = known().iter().any(|described| {
        let mut counts = described
            .structures
            .iter()
            .filter_map(|it| it.counts.as_ref());
        counts.any(|it| it.function == function.name && it.npi.unwrap_or(described.id) == npi)
    });
    let key = |driver, made| Key {
        driver,
        made,
        npi: npi.0,
        function: &function.name,
    };
    is_counted.then(|| [key(call.caller, true), key(call.callee, false)])
}

impl Tally {
    fn of(&mut self, key: Key) -> &mut Calls {
        self.calls.entry(key).or_default()
    }
}

/// A call begins.
pub(super) fn begin(state: &mut State, call: Crossing) {
    let Some(keys) = keys(call) else { return };
    let thread = state.scheduling.current_id();
    let tally = &mut state.verifier.promises.tally;
    for key in keys {
        let calls = tally.of(key);
        calls.begun += 1;
        calls.inside += 1;
        calls.open += 1;
        if key.made {
            calls.latest.remove(&thread);
            calls.requests.extend(call.request.map(|it| (thread, it)));
        }
    }
}

/// A call returns; `was_open` says whether no completion has begun.
pub(super) fn returned(state: &mut State, call: Crossing, outcome: Outcome, was_open: bool) {
    let Some(keys) = keys(call) else { return };
    let thread = state.scheduling.current_id();
    let tally = &mut state.verifier.promises.tally;
    for key in keys {
        let calls = tally.of(key);
        calls.inside = calls.inside.saturating_sub(1);
        if was_open && outcome != Outcome::Pended {
            calls.open = calls.open.saturating_sub(1);
        }
        calls.learn(outcome);
        if key.made {
            calls.latest.entry(thread).or_default().push(outcome);
        }
    }
}

/// The completion of what `made` has made on the thread `caller` begins.
pub(super) fn complete(state: &mut State, made: Crossing, caller: ThreadId, outcome: Outcome) {
    let Some(keys) = keys(made) else { return };
    let thread = state.scheduling.current_id();
    let tally = &mut state.verifier.promises.tally;
    for key in keys {
        let calls = tally.of(key);
        calls.open = calls.open.saturating_sub(1);
        *calls.begun_completions.entry(outcome).or_default() += 1;
        if !key.made {
            calls.latest.remove(&thread);
        }
    }
    let Some(request) = made.request else { return };
    let completing = tally.completing.entry(thread).or_default();
    completing.push(Completion {
        keys,
        outcome,
        request,
        caller,
    });
}

/// The completion of `request` returns on the current thread.
pub(super) fn completed(state: &mut State, request: u64) {
    let thread = state.scheduling.current_id();
    let tally = &mut state.verifier.promises.tally;
    let completing = tally.completing.get_mut(&thread);
    let completion = completing.and_then(|it| it.pop_if(|it| it.request == request));
    let Some(completion) = completion else { return };
    let Completion {
        keys: [made, received],
        outcome,
        caller,
        ..
    } = completion;
    let calls = tally.of(made);
    calls.learn(outcome);
    // The thread that made the call may not have come back from it, or not be done with it.
    if calls.requests.get(&caller) == Some(&request) {
        calls.latest.entry(caller).or_default().push(outcome);
    }
    let calls = tally.of(received);
    calls.learn(outcome);
    calls.latest.insert(thread, vec![outcome]);
}

/// What a counter of these outcomes, or of all calls if there are none, can say now.
pub(super) fn bounds(state: &State, key: Key, outcomes: &[Outcome]) -> RangeInclusive<u64> {
    let Some(calls) = state.verifier.promises.tally.calls.get(&key) else {
        return 0..=0;
    };
    if outcomes.is_empty() {
        let least = calls.begun - calls.inside;
        let latest = calls.latest.len() as u64;
        return least.saturating_sub(latest)..=calls.begun;
    }
    let is_counted = |it: &Outcome| outcomes.contains(it);
    let is_answer =
        |it: &Outcome| matches!(it, Outcome::Answered | Outcome::Refused | Outcome::Pended);
    let sum = |counts: &BTreeMap<Outcome, u64>, answers| {
        let counted = |it: &Outcome| is_counted(it) && is_answer(it) == answers;
        let counts = counts.iter().filter(|(it, _)| counted(it));
        counts.map(|(_, count)| count).sum::<u64>()
    };
    let answers = sum(&calls.known, true);
    let latest = calls
        .latest
        .values()
        .flatten()
        .filter(|it| is_counted(it))
        .count() as u64;
    let least = (answers + sum(&calls.known, false)).saturating_sub(latest);
    let mut most = answers + sum(&calls.begun_completions, false);
    if outcomes.iter().any(is_answer) {
        most += calls.inside;
    }
    // A driver that completes calls may count them before it does.
    if !key.made && !outcomes.iter().all(is_answer) {
        most += calls.open;
    }
    least..=most
}

/// What a counter of calls can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tallied {
    pub(crate) least: u64,
    pub(crate) most: u64,
}

/// What a driver's counter of the calls of a function that it makes and receives can say now,
/// by outcome. `None` if a peer breaks contracts: nobody knows what its calls are.
pub(crate) fn tallied(
    state: &State,
    driver: DriverId,
    npi: u128,
    function: &'static str,
    outcomes: &[Outcome],
) -> Option<Tallied> {
    if state.loader.drivers.any(|it| it.image.is_hostile()) {
        return None;
    }
    let both = [true, false].map(|made| {
        let key = Key {
            driver,
            made,
            npi,
            function,
        };
        bounds(state, key, outcomes)
    });
    Some(Tallied {
        least: both.iter().map(RangeInclusive::start).sum(),
        most: both.iter().map(RangeInclusive::end).sum(),
    })
}
