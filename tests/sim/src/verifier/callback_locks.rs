// SPDX-License-Identifier: MIT OR Apache-2.0

//! The edges of NMR's callbacks: a module that comes back must not hold a lock
//! that it has taken since it was called (R5).
//!
//! Where it is called at `DISPATCH_LEVEL` its level does not give a spin lock
//! away, and whoever wants the lock next would be found instead.

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
