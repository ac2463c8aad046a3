// SPDX-License-Identifier: MIT OR Apache-2.0

//! A host whose locks let everybody else go first: what may happen between two
//! transitions of the registrar's then does happen.

use std::thread::sleep;
use std::time::Duration;

use registrar::finding::Finding;
use registrar::host::{Event, Host, Lock};
use registrar::knobs::{Knob, Knobs};
use registrar::process::{Process, ThreadCompletion, ThreadLock};

/// Waits after each unlocking.
pub(crate) struct SlowLock<T>(ThreadLock<T>);

impl<T> Lock<T> for SlowLock<T> {
    fn new(value: T) -> Self {
        Self(ThreadLock::new(value))
    }

    fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        let result = self.0.with(body);
        sleep(Duration::from_micros(300));
        result
    }
}

/// As [`Process`], which remembers what it is told.
pub(crate) struct Slow(pub(crate) Process);

impl Slow {
    /// One that answers 0 to every open question.
    pub(crate) fn new() -> Self {
        let process = Process::new(0);
        process.set_knobs(Knobs::FIRST);
        Self(process)
    }
}

impl Host for Slow {
    type Lock<T> = SlowLock<T>;
    type Completion = ThreadCompletion;

    fn irql(&self) -> u8 {
        self.0.irql()
    }

    fn thread(&self) -> u64 {
        self.0.thread()
    }

    fn draw(&self, knob: Knob, answers: u32) -> u32 {
        self.0.draw(knob, answers)
    }

    fn observe(&self, event: &Event) {
        self.0.observe(event);
    }

    fn report(&self, finding: Finding) {
        self.0.report(finding);
    }
}
