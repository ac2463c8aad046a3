// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs the threads of a cycle until its first thread has ended or there is a verdict.

use std::collections::BTreeSet;

use corosensei::CoroutineResult;
use scenarios::TraceKind;

use crate::analysis::{deadlock, exception};
use crate::costs::{self, Kind};
use crate::exports::execution::threads;
use crate::hardware::trap::{self, ThreadEnd};
use crate::kernel::{Kernel, State, with};
use crate::memory::pageable;
use crate::scheduling::{Next, Pause, ThreadId, abandon};

/// Runs threads until the first has ended or there is a verdict.
pub(crate) fn run(kernel: &Kernel) {
    // The threads whose wait has been added to the trace, and not yet its end.
    let mut waiting = BTreeSet::new();
    while let Some(id) = costs::measure(Kind::Scheduling, || with(dispatch)) {
        if waiting.remove(&id) {
            with(|state| state.record(|_| TraceKind::Wake));
        }
        let mut fiber = with(|state| state.scheduling.take_fiber(id));
        let result = trap::guard(&fiber.trap_handler(), || fiber.resume(()));
        match result {
            CoroutineResult::Yield(Pause::Switch) => with(|state| {
                state.scheduling.put_fiber(id, fiber);
                if let Some(on) = state.scheduling.thread(id).waits_on() {
                    state.trace(|state| TraceKind::Wait {
                        on: deadlock::show_waitable(state, on),
                    });
                    if state.prints_events() {
                        waiting.insert(id);
                    }
                }
            }),
            CoroutineResult::Yield(Pause::Terminate) => {
                let stack = abandon(fiber);
                with(|state| {
                    state.record(|_| TraceKind::ThreadEnd);
                    state.scheduling.end(id, stack);
                    threads::signal_end(state, id);
                });
            }
            CoroutineResult::Return(ThreadEnd::Returned) => {
                let stack = fiber.into_stack();
                with(|state| {
                    state.record(|_| TraceKind::ThreadEnd);
                    state.scheduling.end(id, stack);
                    threads::signal_end(state, id);
                });
            }
            CoroutineResult::Return(ThreadEnd::Exception(exception)) => {
                kernel.release();
                with(|state| {
                    exception::report_exception(state, &exception);
                    state.scheduling.give_back(fiber.into_stack());
                });
            }
        }
    }
    with(|state| state.scheduling.abandon_all());
}

/// The thread that runs next; `None` if the cycle is over, or does not end, which
/// is a finding.
fn dispatch(state: &mut State) -> Option<ThreadId> {
    if state.findings.any() {
        return None;
    }
    match state.scheduling.dispatch() {
        Next::Thread(id) => {
            pageable::settle(state);
            return Some(id);
        }
        Next::Over => {}
        Next::Deadlock => deadlock::report_deadlock(state),
        Next::Endless => deadlock::report_endless(state),
        Next::Hang => {
            let at = state.scheduling.current().spins_at();
            exception::report_exception(state, &at.expect("it spins"));
        }
    }
    None
}
