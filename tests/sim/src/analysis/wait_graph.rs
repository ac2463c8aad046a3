// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which thread waits for which: through locks, through the ends of threads, and through
//! the bindings that a deregistration waits for.
//!
//! An event has no owner: the graph ends at a thread that waits for one.

use registrar::host::{BindingId, RegistrationId};
use registrar::{Doing, Holdup};

use crate::kernel::{State, kernel};
use crate::scheduling::frame::{Callee, TableEntry};
use crate::scheduling::{ThreadId, Waitable};

/// Why a thread must go on before a wait can end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Link {
    /// It holds this lock.
    Lock,
    /// Its end is waited for.
    End,
    /// It is in a call through a dispatch table.
    Call(TableEntry),
    /// It is in a callback for this binding.
    Callback(BindingId),
}

/// A thread that must go on before a wait can end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holder {
    pub(crate) thread: ThreadId,
    pub(crate) link: Link,
}

/// The sides of bindings that keep a registration from its end.
pub(crate) fn holdups_of(registration: RegistrationId) -> Vec<Holdup> {
    let mut holdups = kernel().registrar.holdups();
    holdups.retain(|holdup| holdup.registration == registration || holdup.peer == registration);
    holdups
}

/// The threads in a call through a dispatch table of a binding: those in a call of a
/// side, or, if there are none, those in a call of its peer, in which the side runs.
pub(crate) fn callers(state: &State, holdup: &Holdup) -> Vec<Holder> {
    let mut own = Vec::new();
    let mut incoming = Vec::new();
    for (index, thread) in state.scheduling.threads().iter().enumerate() {
        for frame in &thread.frames {
            if let Callee::Dispatch { through, .. } = frame.call
                && through.binding == Some(holdup.binding)
            {
                let holder = Holder {
                    thread: ThreadId(index),
                    link: Link::Call(through),
                };
                if through.owner == holdup.side {
                    incoming.push(holder);
                } else {
                    own.push(holder);
                }
            }
        }
    }
    if own.is_empty() { incoming } else { own }
}

/// The threads that must go on before a side of a binding has detached.
fn holders_of_end(state: &State, holdup: &Holdup) -> Vec<Holder> {
    match holdup.doing {
        Doing::NotYetDetaching => Vec::new(),
        Doing::Pended => callers(state, holdup),
        Doing::Attaching | Doing::Detaching | Doing::CleaningUp => {
            let number = holdup
                .thread
                .and_then(|number| usize::try_from(number).ok());
            let holder = number.map(|number| Holder {
                thread: ThreadId(number),
                link: Link::Callback(holdup.binding),
            });
            holder.into_iter().collect()
        }
    }
}

/// The threads that must go on before the wait of a thread, if it has no timeout, can
/// end.
pub(crate) fn holders(state: &State, thread: ThreadId) -> Vec<Holder> {
    let end = |thread| {
        vec![Holder {
            thread,
            link: Link::End,
        }]
    };
    match state.scheduling.thread(thread).blocked_on() {
        Some(Waitable::Deregistration(_)) => {
            let own = state.nmr.waits.get(&thread);
            let holdups = own.map_or_else(Vec::new, |own| holdups_of(*own));
            holdups
                .iter()
                .flat_map(|holdup| holders_of_end(state, holdup))
                .collect()
        }
        Some(Waitable::Thread(id) | Waitable::Routine(id)) => end(id),
        Some(Waitable::Object(address)) => {
            let mut threads = state.scheduling.threads().iter();
            if let Some(index) = threads.position(|thread| thread.object == address) {
                return end(ThreadId(index));
            }
            let holding = state.verifier.locks.holders(address);
            holding
                .map(|held| Holder {
                    thread: held.thread,
                    link: Link::Lock,
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

/// The links from a thread back to itself, if its wait waits for itself.
pub(crate) fn circle(state: &State, thread: ThreadId) -> Option<Vec<Holder>> {
    let mut seen = vec![thread];
    let mut path = Vec::new();
    search(state, thread, thread, &mut seen, &mut path).then_some(path)
}

fn search(
    state: &State,
    from: ThreadId,
    goal: ThreadId,
    seen: &mut Vec<ThreadId>,
    path: &mut Vec<Holder>,
) -> bool {
    for holder in holders(state, from) {
        path.push(holder);
        if holder.thread == goal {
            return true;
        }
        if !seen.contains(&holder.thread) {
            seen.push(holder.thread);
            if search(state, holder.thread, goal, seen, path) {
                return true;
            }
        }
        path.pop();
    }
    false
}
