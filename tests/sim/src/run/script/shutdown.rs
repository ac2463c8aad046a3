// SPDX-License-Identifier: MIT OR Apache-2.0

//! The shutdown of the machine: programs end, and the devices that are registered for it
//! are notified. The drivers stay.

use rand::RngExt;
use scenarios::Instance;

use crate::io::shutdown::{self, Queue};
use crate::kernel::with;
use crate::run::programs;
use crate::scheduling::{MICROSECOND, ThreadId, sleep};

/// The longest time for which file systems are flushed, in microseconds.
const FLUSH: u64 = 200;

/// Begins to shut the machine down, with these drivers.
pub(super) fn start(instances: Vec<Instance>) -> ThreadId {
    let body = move || {
        with(shutdown::begin);
        // A program ends, and its handles with it.
        instances.into_iter().for_each(programs::close_all);
        shutdown::notify(Queue::First);
        let time = with(|state| state.choices.chance.random_range(0..=FLUSH));
        sleep(time * MICROSECOND);
        with(shutdown::flush);
        shutdown::notify(Queue::LastChance);
    };
    with(|state| state.scheduling.spawn_own("shutdown".to_owned(), body))
}
