// SPDX-License-Identifier: MIT OR Apache-2.0

//! When the network does something, on which thread and at which IRQL.

use rand::RngExt;

use crate::hardware::irql::{DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::memory::pageable::set_irql;
use crate::scheduling::{MICROSECOND, point, sleep};

/// The longest time that a request or a packet takes, in microseconds.
pub(crate) const LONGEST: u64 = 120;

/// Draws a number up to `most`.
pub(crate) fn draw(state: &mut State, most: u64) -> u64 {
    state.choices.network().random_range(0..=most)
}

/// Returns `true` once in `times`.
pub(crate) fn once_in(state: &mut State, times: u32) -> bool {
    state.choices.network().random_ratio(1, times)
}

/// Does something after at most `longest` microseconds on a thread of the network, for the code
/// at `by`. Returns `false` if there is no thread for it.
pub(crate) fn later(
    state: &mut State,
    by: Option<Site>,
    longest: u64,
    body: impl FnOnce() + 'static,
) -> bool {
    let name = format!("network {}", state.scheduling.threads().len());
    let delay = draw(state, longest) * MICROSECOND;
    let level = if once_in(state, 2) {
        DISPATCH_LEVEL
    } else {
        PASSIVE_LEVEL
    };
    let thread = state.scheduling.spawn(name, None, move || {
        sleep(delay);
        with(|state| set_irql(state, level));
        point();
        body();
        with(|state| set_irql(state, PASSIVE_LEVEL));
    });
    if let Some(thread) = thread {
        state.scheduling.thread_mut(thread).made_by = by;
    }
    thread.is_some()
}

/// The same for what must be done: a thread is kept for it, which runs at `PASSIVE_LEVEL` first.
pub(crate) fn surely(state: &mut State, by: Option<Site>, body: impl FnOnce() + 'static) {
    let name = format!("network {}", state.scheduling.threads().len());
    let delay = draw(state, LONGEST) * MICROSECOND;
    let thread = state.scheduling.spawn_own(name, move || {
        sleep(delay);
        body();
    });
    state.scheduling.thread_mut(thread).made_by = by;
}
