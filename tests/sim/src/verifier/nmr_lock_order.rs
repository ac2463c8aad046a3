// SPDX-License-Identifier: MIT OR Apache-2.0

//! Lock order through NMR (R31): a deregistration takes part in the lock order as if
//! it were a lock.
//!
//! - A lock that a thread holds while it waits for a deregistration comes *before*
//!   the end of the deregistration. A non-recursive one also comes before the
//!   callbacks that `NmrRegister...` and `NmrDeregister...` make.
//! - A lock comes *after* it if it is acquired in a callback of one of the module's
//!   bindings or in a call through one, or held while a detach is completed: the
//!   deregistration does not end without that.
//!
//! A lock that comes both before and after is a deadlock in some schedule, whether or
//! not in this one.
//!
//! # Limits
//!
//! A lock held in shared mode counts as held: a thread that waits for it in exclusive
//! mode makes it block.

use std::collections::{BTreeMap, BTreeSet};

use registrar::host::{BindingId, Call, Event, Phase, RegistrationId};

use crate::findings::bug_check::Code;
use crate::findings::stop;
use crate::kernel::{State, with};
use crate::scheduling::ThreadId;
use crate::scheduling::frame;
use crate::verifier::locks::HeldLock;

const RULE: u8 = 31;

/// What the order knows of NMR.
#[derive(Debug, Default)]
pub(crate) struct NmrLockOrder {
    /// Which modules a binding is between.
    ends: BTreeMap<BindingId, BTreeSet<RegistrationId>>,
    /// The callbacks that are under way.
    inside: Vec<(ThreadId, BindingId)>,
}

/// A registration's place in the order of locks: no lock has so low an address.
#[derive(Clone, Copy)]
enum OrderPoint {
    /// All callbacks of its bindings.
    Callbacks,
    /// The end of its deregistration.
    End,
}

impl OrderPoint {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "nothing is simulated where they differ"
    )]
    const fn of(self, registration: RegistrationId) -> usize {
        registration.0.get() as usize * 2 + self as usize
    }
}

/// The points that have not been reached before `thread` goes on.
fn awaited(state: &State, thread: ThreadId) -> BTreeSet<usize> {
    let order = &state.verifier.nmr_lock_order;
    let points = |binding: &BindingId, points: &'static [OrderPoint]| {
        let ends = order.ends.get(binding).into_iter().flatten().copied();
        ends.flat_map(move |end| points.iter().map(move |place| place.of(end)))
    };
    let inside = order.inside.iter().filter(|(of, _)| *of == thread);
    let callbacks =
        inside.flat_map(|(_, binding)| points(binding, &[OrderPoint::Callbacks, OrderPoint::End]));
    let frames = state.scheduling.thread(thread).frames.iter();
    let calls = frames.filter_map(|frame| match &frame.call {
        frame::Callee::Dispatch { through, .. } => {
            let binding = through.binding.as_ref()?;
            Some(points(binding, &[OrderPoint::End]))
        }
        frame::Callee::Import { .. } => None,
    });
    callbacks.chain(calls.flatten()).collect()
}

/// What the current thread calls.
fn function(state: &State) -> String {
    let frame = state.scheduling.current().frames.last();
    frame.map_or_else(String::new, |frame| frame.call.target())
}

/// Puts the locks that the current thread holds before `place`; one that
/// comes after it, if any.
fn hold_before(
    state: &mut State,
    place: usize,
    counts: impl Fn(&HeldLock) -> bool,
) -> Option<HeldLock> {
    let me = state.scheduling.current_id();
    let held: Vec<_> = state.verifier.locks.of(me).copied().collect();
    let locks = &mut state.verifier.locks;
    let held = held.into_iter().filter(counts);
    held.rev().find(|held| {
        locks.withdraw(place, held.address, me);
        !locks.put_before(held.address, place)
    })
}

/// Records an event of NMR. Returns the breach, if it is one.
fn order_event(state: &mut State, event: &Event) -> Option<String> {
    let me = state.scheduling.current_id();
    if let (Some(binding), Some(registration)) = (event.binding, event.registration) {
        let ends = state
            .verifier
            .nmr_lock_order
            .ends
            .entry(binding)
            .or_default();
        ends.insert(registration);
    }
    match (event.call, event.phase) {
        (call, Phase::Enter) if call.is_callback() => {
            state
                .verifier
                .nmr_lock_order
                .inside
                .push((me, event.binding?));
        }
        (call, Phase::Leave(_)) if call.is_callback() => {
            let left = (me, event.binding?);
            let inside = &mut state.verifier.nmr_lock_order.inside;
            let index = inside.iter().rposition(|one| *one == left)?;
            inside.remove(index);
        }
        (Call::Wait, Phase::Enter) => {
            let place = OrderPoint::End.of(event.registration?);
            return breach(state, place, |_| true);
        }
        (Call::Deregister, Phase::Enter) | (Call::Register, Phase::Leave(0)) => {
            let place = OrderPoint::Callbacks.of(event.registration?);
            return breach(state, place, |held| !held.kind.is_recursive());
        }
        (Call::DetachComplete, Phase::Enter) => {
            return complete_with_locks(state, event.binding?);
        }
        _ => {}
    }
    None
}

fn breach(state: &mut State, place: usize, counts: impl Fn(&HeldLock) -> bool) -> Option<String> {
    let held = hold_before(state, place, counts)?;
    Some(format!(
        "{} was called with {} held, which was taken where that call waits for",
        function(state),
        held.kind.name()
    ))
}

/// What the thread that completes a detach holds comes after the end of both
/// deregistrations, unless it still holds it when it waits for that end
/// itself: nobody else needs the lock in between.
fn complete_with_locks(state: &mut State, binding: BindingId) -> Option<String> {
    let me = state.scheduling.current_id();
    let held: Vec<_> = state.verifier.locks.of(me).copied().collect();
    let ends = state
        .verifier
        .nmr_lock_order
        .ends
        .get(&binding)
        .cloned()
        .unwrap_or_default();
    for held in held {
        for end in &ends {
            let end = OrderPoint::End.of(*end);
            if !state
                .verifier
                .locks
                .put_before_for_others(end, held.address, me)
            {
                return Some(format!(
                    "{} was called with {} held, which is held elsewhere while the end of \
                     the deregistration is waited for",
                    function(state),
                    held.kind.name()
                ));
            }
        }
    }
    None
}

/// Checks the lock order at an event of NMR.
pub(crate) fn observe(event: &Event) {
    if let Some(what) = with(|state| order_event(state, event)) {
        stop(Code::rule(RULE), what);
    }
}

/// Checks the order of a lock that the current thread acquires.
pub(crate) fn check(address: usize, name: &str) {
    let inverted = with(|state| {
        let awaited = awaited(state, state.scheduling.current_id());
        let mut put = |place: &usize| state.verifier.locks.put_before(*place, address);
        !awaited.iter().all(&mut put)
    });
    if inverted {
        let what = format!(
            "{name} was acquired where a deregistration waits for, and is held elsewhere while it \
             is waited for"
        );
        stop(Code::rule(RULE), what);
    }
}
