// SPDX-License-Identifier: MIT OR Apache-2.0

//! Random choices of a cycle: independent sources that all derive from its seed
//! and number, so that one more choice of one purpose changes none of another.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use registrar::knobs::{Knob, Knobs};
use scenarios::stream;

/// Purposes of [`stream`].
const SCHEDULE: u8 = 1;
const KNOBS: u8 = 2;
const FAULTS: u8 = 3;
const CHANCE: u8 = 4;
const MANAGERS: u8 = 5;

/// The sources that more than one folder draws from.
#[derive(Debug)]
pub(crate) struct Choices {
    /// The knobs that are not drawn, by the run's options.
    fixed: Knobs,
    knobs: ChaCha8Rng,
    /// Everything that has no source of its own. A schedule that is given instead
    /// of drawn leaves these choices unchanged.
    pub(crate) chance: ChaCha8Rng,
    /// Which program or driver loads and unloads, and how.
    pub(crate) managers: ChaCha8Rng,
}

impl Choices {
    pub(crate) fn new(fixed: Knobs, seed: u64, index: u64) -> Self {
        Self {
            fixed,
            knobs: stream(seed, index, KNOBS),
            chance: stream(seed, index, CHANCE),
            managers: stream(seed, index, MANAGERS),
        }
    }

    /// The source of the scheduler.
    pub(crate) fn of_schedule(seed: u64, index: u64) -> ChaCha8Rng {
        stream(seed, index, SCHEDULE)
    }

    /// The source of the injected faults.
    pub(crate) fn of_faults(seed: u64, index: u64) -> ChaCha8Rng {
        stream(seed, index, FAULTS)
    }

    /// One of `answers` answers to a question that the documents leave open.
    pub(crate) fn knob(&mut self, knob: Knob, answers: u32) -> u32 {
        let random = &mut self.knobs;
        self.fixed.answer(knob, || random.random_range(0..answers))
    }
}
