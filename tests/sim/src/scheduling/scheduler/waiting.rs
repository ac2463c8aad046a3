// SPDX-License-Identifier: MIT OR Apache-2.0

//! How the current thread gives way: at a point, in a spin loop, in a wait, for good.

use crate::costs::{self, Kind};
use crate::kernel::with;
use crate::scheduling::thread::{Pause, ThreadId, Waitable, Woken};

/// A place at which another thread may run.
pub(crate) fn point() {
    let gives_way = costs::measure(Kind::Scheduling, || with(|state| state.scheduling.pass()));
    if gives_way {
        pause(Pause::Switch);
    }
}

/// A point inside driver code, where the current thread is in no call.
pub(crate) fn point_in_code() {
    with(|state| state.scheduling.current_mut().in_code = true);
    point();
    with(|state| state.scheduling.current_mut().in_code = false);
}

/// A place inside driver code at which another thread may run.
pub(crate) fn preempt() {
    with(|state| state.scheduling.delay());
    point_in_code();
}

/// The current thread is in a loop that has found nothing changed: others run first.
pub(crate) fn spin() {
    with(|state| {
        state.scheduling.begin_spin();
        state.scheduling.current_mut().in_code = true;
    });
    pause(Pause::Switch);
    with(|state| state.scheduling.current_mut().in_code = false);
}

/// Blocks the current thread.
pub(crate) fn block(on: Waitable, until: Option<u64>) -> Woken {
    with(|state| state.scheduling.begin_wait(on, until));
    pause(Pause::Switch);
    with(|state| state.scheduling.current().woken)
}

/// Blocks the current thread, until an APC to it interrupts that at the latest.
pub(crate) fn block_interruptibly(on: Waitable, until: Option<u64>) -> Woken {
    with(|state| state.scheduling.current_mut().is_interruptible = true);
    let woken = block(on, until);
    with(|state| state.scheduling.current_mut().is_interruptible = false);
    woken
}

/// Lets others run as long as the current thread may not run on any free processor.
pub(crate) fn give_way() {
    while with(|state| state.scheduling.current_is_kept_out()) {
        pause(Pause::Switch);
    }
}

/// Waits until a thread has ended.
pub(crate) fn join(thread: ThreadId) {
    while with(|state| !state.scheduling.thread(thread).has_ended()) {
        block(Waitable::Thread(thread), None);
    }
}

/// Lets time pass for the current thread.
pub(crate) fn sleep(time: u64) {
    let until = with(|state| state.scheduling.now().saturating_add(time));
    block(Waitable::Nothing, Some(until));
}

/// Ends the current thread, or the cycle if there is a finding.
pub(crate) fn terminate() -> ! {
    pause(Pause::Terminate);
    unreachable!("a thread that has ended does not go on");
}

fn pause(why: Pause) {
    /// More than the thread's last frames take.
    const BELOW: usize = 512;
    let here = ((&raw const why).addr() - BELOW).next_multiple_of(size_of::<u64>());
    let yielder = with(|state| {
        let current = state.scheduling.current_mut();
        current.gives_way_at = here;
        current.yielder
    });
    // SAFETY: `spawn` set it when this thread began, and it lives as long as
    // the thread's stack, on which this runs.
    unsafe { (*yielder).suspend(why) };
}
