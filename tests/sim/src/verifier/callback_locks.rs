// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks that an NMR callback returns without a lock that it has acquired (R5).
//!
//! At `DISPATCH_LEVEL` the IRQL does not reveal a held spin lock, and the next thread
//! that acquires the lock would be blamed instead.

use std::collections::BTreeMap;

use registrar::host::{Event, Phase};

use crate::findings::bug_check::Code;
use crate::kernel::State;
use crate::scheduling::ThreadId;

/// How many locks each thread held at the callbacks that are under way on it,
/// the innermost last.
#[derive(Debug, Default)]
pub(crate) struct CallbackLocks(BTreeMap<ThreadId, Vec<usize>>);

/// Checks the entry and the return of a callback. Returns the breach, if it is
/// one.
pub(crate) fn check(state: &mut State, event: &Event) -> Option<(Code, String)> {
    if !event.call.is_callback() {
        return None;
    }
    let thread = state.scheduling.current_id();
    let mut held = state.verifier.locks.of(thread);
    let callbacks = state.verifier.callback_locks.0.entry(thread).or_default();
    match event.phase {
        Phase::Enter => {
            callbacks.push(held.count());
            None
        }
        Phase::Leave(_) => {
            let kept = held.nth(callbacks.pop()?)?;
            let what = format!("the callback returned with {} held", kept.kind.name());
            Some((Code::rule(5), what))
        }
    }
}
