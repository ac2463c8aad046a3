// SPDX-License-Identifier: MIT OR Apache-2.0

//! The shutdown of the machine: programs end, and the devices that are registered for it
//! are notified. The drivers stay.

use rand::RngExt;

use crate::io::shutdown::{self, Queue};
use crate::kernel::with;
use crate::run::programs;
use crate::scheduling::{MICROSECOND, ThreadId, point, sleep};

/// The longest time for which file systems are flushed, in microseconds.
const FLUSH: u64 = 200;

/// The most points at which other threads may run before a shutdown begins: a `DriverEntry`
/// has fewer.
const LEAD: u32 = 64;

/// Begins to shut the machine down, now or during what else happens.
pub(super) fn start() -> ThreadId {
    let body = || {
        let lead = with(|state| state.choices.chance.random_range(0..=LEAD));
        (0..lead).for_each(|_| point());
        with(shutdown::begin);
        // A program ends, and its handles with it.
        let opened = with(|state| state.run.open_handles.instances());
        opened.into_iter().for_each(programs::close_all);
        shutdown::notify(Queue::First);
        let time = with(|state| state.choices.chance.random_range(0..=FLUSH));
        sleep(time * MICROSECOND);
        with(shutdown::flush);
        shutdown::notify(Queue::LastChance);
    };
    with(|state| state.scheduling.spawn_own("shutdown".to_owned(), body))
}
