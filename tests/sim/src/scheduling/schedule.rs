// SPDX-License-Identifier: MIT OR Apache-2.0

//! How a written schedule is kept to: the thread that runs where it says nothing, and what
//! is said if a cycle cannot keep to it.

pub use scenarios::Schedule;

/// Says that a thread cannot run at a decision, where only these can.
pub(crate) fn not_ready(decision: u64, thread: usize, ready: &[usize]) -> String {
    let ready: Vec<_> = ready.iter().map(ToString::to_string).collect();
    let threads = if ready.len() == 1 {
        "thread"
    } else {
        "threads"
    };
    format!(
        "the schedule cannot be followed: at `{decision}:{thread}` thread {thread} cannot run, only \
         {threads} {}",
        ready.join(", ")
    )
}

/// Says that a cycle ends before a decision.
pub(crate) fn not_reached(decision: u64, thread: usize, decisions: u64) -> String {
    format!(
        "the schedule cannot be followed: the cycle ends after {decisions} decisions, before \
         `{decision}:{thread}`"
    )
}

/// The thread that runs next if the schedule names none.
pub(crate) fn by_itself(ready: &[usize], current: usize) -> Option<usize> {
    let later = ready.iter().find(|&&thread| thread > current);
    later.or(ready.first()).copied()
}
