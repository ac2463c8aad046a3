// SPDX-License-Identifier: MIT OR Apache-2.0

//! The DPC watchdog: checks that the current thread is not at `DISPATCH_LEVEL` for too long.
//!
//! Only time counts in which the thread itself runs: when it stalls, reads the clock, or
//! makes calls. Time in which the scheduler runs other threads does not count.

use registrar::knobs::Knob;

use crate::findings::bug_check::Code;
use crate::kernel::State;
use crate::objects::deferred;
use crate::scheduling::system_clock::PERIOD;
use crate::scheduling::{SECOND, ThreadId};
use crate::verifier::locks::LockKind;

/// No limit is shorter.
const SHORTEST: u64 = SECOND;

/// The limits by the answers to [`Knob::DpcTimeLimit`]: for a DPC, and for other code.
const LIMITS: [[u64; 2]; 2] = [[20 * SECOND, 120 * SECOND], [SECOND, 6 * SECOND]];

/// The bug check for the time that the current thread has been at `DISPATCH_LEVEL`, if that
/// is too long.
pub(crate) fn exceeded(state: &mut State) -> Option<(Code, String)> {
    let time = state.scheduling.current().at_dispatch;
    if time <= SHORTEST {
        return None;
    }
    let answer = limit(state);
    beyond(state, state.scheduling.current_id(), answer)
}

/// The answer to which limits there are.
fn limit(state: &mut State) -> u32 {
    let answer = match state.verifier.dispatch_limit {
        Some(answer) => answer,
        None => state.knob(Knob::DpcTimeLimit),
    };
    state.verifier.dispatch_limit = Some(answer);
    answer
}

/// The limit for the current thread, and the time that is left, in ticks.
pub(crate) fn remaining(state: &mut State) -> [u32; 2] {
    let [for_dpc, for_others] = LIMITS[limit(state) as usize];
    let is_dpc = deferred::is_dpc(state, state.scheduling.current_id());
    let limit = if is_dpc { for_dpc } else { for_others };
    let left = limit.saturating_sub(state.scheduling.current().at_dispatch);
    [limit, left].map(|time| u32::try_from(ticks(time)).unwrap_or(u32::MAX))
}

/// The same for any thread of a cycle that does not end, and for the shorter limits: a thread
/// that stays at `DISPATCH_LEVEL` while others run takes more steps than a cycle has.
pub(crate) fn longest(state: &State) -> Option<(ThreadId, Code, String)> {
    const SHORTER: u32 = 1;
    let mut threads = (0..state.scheduling.threads().len()).map(ThreadId);
    threads.find_map(|thread| {
        let (code, what) = beyond(state, thread, SHORTER)?;
        Some((thread, code, what))
    })
}

/// The bug check if a thread has been at `DISPATCH_LEVEL` for longer than these limits allow.
fn beyond(state: &State, thread: ThreadId, answer: u32) -> Option<(Code, String)> {
    let time = state.scheduling.thread(thread).at_dispatch;
    let [for_dpc, for_others] = LIMITS[answer as usize];
    let is_dpc = deferred::is_dpc(state, thread);
    let limit = if is_dpc { for_dpc } else { for_others };
    if time <= limit || state.scheduling.thread(thread).has_ended() {
        return None;
    }
    let mut held = state.verifier.locks.of(thread);
    let held = held.find(|held| held.kind == LockKind::Spin);
    let by = held.and_then(|held| held.by);
    let by = by.map(|by| state.loader.drivers.show(by));
    let held = by.map_or_else(String::new, |by| {
        format!(", with a spin lock held that {by} has acquired")
    });
    let (ticks, allotment, seconds) = (ticks(time), ticks(limit), limit / SECOND);
    Some(if is_dpc {
        let what = format!(
            "a DPC has run for more than its time allotment of {seconds} s{held}; it should take \
             no more than 100 microseconds"
        );
        (("0x133", [0, ticks, allotment, 0]).into(), what)
    } else {
        let what = format!(
            "a thread has stayed at DISPATCH_LEVEL for more than the watchdog period of {seconds} \
             s{held}"
        );
        (("0x133", [1, allotment, 0, 0]).into(), what)
    })
}

/// A time in ticks of the system clock.
fn ticks(time: u64) -> usize {
    usize::try_from(time / PERIOD).expect("both have 64 bits")
}
