// SPDX-License-Identifier: MIT OR Apache-2.0

//! Random choices of a cycle, from independent sources that derive from its seed and
//! number, so that an additional choice for one purpose does not change those for another.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use registrar::knobs::{Kernel, KernelChoice, Knob, Knobs};
use scenarios::stream;

use crate::scheduling::MICROSECOND;

/// Purposes of [`stream`].
const SCHEDULE: u8 = 1;
const KERNEL: u8 = 2;
const FAULTS: u8 = 3;
const CHANCE: u8 = 4;
const MANAGERS: u8 = 5;
const PREEMPTION: u8 = 6;
const RANDOM: u8 = 7;
const SESSIONS: u8 = 8;
const MEMORY: u8 = 9;
const PROCESSORS: u8 = 10;
const CLOCKS: u8 = 11;
const STACKS: u8 = 12;
const ACTIVITY: u8 = 13;
const NETWORK: u8 = 0x16;
const RACES: u8 = 0x20;
const SWITCHES: u8 = 0x21;
const SWITCHED: u8 = 0x22;
const SHARED_FILES: u8 = 0x23;
/// The purpose of the first knob; those of the others follow.
const KNOBS: u8 = 0x40;

/// One in `SHARE` cycles searches for data races.
pub(crate) const SHARE: u32 = 6;

/// The sources that more than one folder draws from.
#[derive(Debug)]
pub(crate) struct Choices {
    seed: u64,
    index: u64,
    /// The knobs that are not drawn, by the run's options and the kernel.
    fixed: Knobs,
    /// Each knob that was drawn has a source of its own, so that fixing one changes
    /// no other.
    drawn: BTreeMap<Knob, ChaCha8Rng>,
    /// The answers that were given.
    answers: BTreeMap<Knob, BTreeSet<u32>>,
    /// Everything that has no source of its own. A schedule that is given instead
    /// of drawn leaves these choices unchanged.
    pub(crate) chance: ChaCha8Rng,
    /// Which program or driver loads and unloads, and how.
    pub(crate) managers: ChaCha8Rng,
    /// What drivers get that ask for random numbers.
    pub(crate) random: ChaCha8Rng,
    /// The sessions that listen to ETW providers.
    pub(crate) sessions: ChaCha8Rng,
    /// What happens in the machine of which drivers want to be told.
    pub(crate) activity: ChaCha8Rng,
    /// Whether two threads of a program use one file.
    pub(crate) shared_files: ChaCha8Rng,
    /// How the network behaves, once there is any.
    network: Option<ChaCha8Rng>,
}

impl Choices {
    pub(crate) fn new(fixed: Knobs, seed: u64, index: u64) -> Self {
        Self {
            seed,
            index,
            fixed,
            drawn: BTreeMap::new(),
            answers: BTreeMap::new(),
            chance: stream(seed, index, CHANCE),
            managers: stream(seed, index, MANAGERS),
            random: stream(seed, index, RANDOM),
            sessions: stream(seed, index, SESSIONS),
            activity: stream(seed, index, ACTIVITY),
            shared_files: stream(seed, index, SHARED_FILES),
            network: None,
        }
    }

    /// The source of the network.
    pub(crate) fn network(&mut self) -> &mut ChaCha8Rng {
        let (seed, index) = (self.seed, self.index);
        self.network
            .get_or_insert_with(|| stream(seed, index, NETWORK))
    }

    /// The kernel of a cycle.
    pub(crate) fn kernel(choice: KernelChoice, seed: u64, index: u64) -> Kernel {
        match choice {
            KernelChoice::One(kernel) => kernel,
            KernelChoice::Both => {
                Kernel::ALL[stream(seed, index, KERNEL).random_range(0..Kernel::ALL.len())]
            }
        }
    }

    /// The source of the scheduler.
    pub(crate) fn of_schedule(seed: u64, index: u64) -> ChaCha8Rng {
        stream(seed, index, SCHEDULE)
    }

    /// Returns `true` if threads are preempted at atomic instructions in a cycle where
    /// nobody asks for it.
    pub(crate) fn preempts(seed: u64, index: u64) -> bool {
        /// One in `SHARE` cycles is preempted, which takes twice the time.
        const SHARE: u32 = 8;
        stream(seed, index, PREEMPTION).random_ratio(1, SHARE)
    }

    /// Returns `true` if threads are switched at other accesses, too, in a cycle where they are
    /// preempted and nobody asks for it.
    pub(crate) fn switches(seed: u64, index: u64) -> bool {
        stream(seed, index, SWITCHED).random_ratio(1, 2)
    }

    /// The source of the accesses to memory at which threads may be switched.
    pub(crate) fn of_switches(seed: u64, index: u64) -> ChaCha8Rng {
        stream(seed, index, SWITCHES)
    }

    /// Returns `true` if data races are searched for in a cycle of a run that searches in some.
    pub(crate) fn searches_races(seed: u64, index: u64) -> bool {
        stream(seed, index, RACES).random_ratio(1, SHARE)
    }

    /// The source of addresses and of the content of fresh memory.
    pub(crate) fn of_memory(seed: u64, index: u64) -> ChaCha8Rng {
        stream(seed, index, MEMORY)
    }

    /// The source of the processors that threads run on.
    pub(crate) fn of_processors(seed: u64, index: u64) -> ChaCha8Rng {
        stream(seed, index, PROCESSORS)
    }

    /// The source of what clocks show, and of how exact timers are.
    pub(crate) fn of_clocks(seed: u64, index: u64) -> ChaCha8Rng {
        stream(seed, index, CLOCKS)
    }

    /// Returns `true` if accesses to the frames of functions that have returned are watched.
    pub(crate) fn watches_stacks(seed: u64, index: u64) -> bool {
        /// One in `SHARE` cycles is of this kind, which takes longer.
        const SHARE: u32 = 128;
        stream(seed, index, STACKS).random_ratio(1, SHARE)
    }

    /// The source of the injected faults.
    pub(crate) fn of_faults(seed: u64, index: u64) -> ChaCha8Rng {
        stream(seed, index, FAULTS)
    }

    /// How long a work item waits for one of the system's worker threads: in most cases not at
    /// all, else up to 20 milliseconds.
    pub(crate) fn wait_for_worker(&mut self) -> u64 {
        /// One in `SHARE` work items waits.
        const SHARE: u32 = 8;
        const MOST: u64 = 20_000;
        if self.chance.random_ratio(1, SHARE) {
            self.chance.random_range(1..=MOST) * MICROSECOND
        } else {
            0
        }
    }

    /// The answer to a question that the documents leave open.
    pub(crate) fn knob(&mut self, knob: Knob) -> u32 {
        self.answer(knob, |random| random.random_range(0..knob.answers()))
    }

    /// The same for one whose answer 1 is rare: once in `times`.
    pub(crate) fn rare_knob(&mut self, knob: Knob, times: u32) -> bool {
        self.answer(knob, |random| u32::from(random.random_ratio(1, times))) == 1
    }

    /// The knobs that were asked, with the answers that each gave.
    pub(crate) fn into_answers(self) -> BTreeMap<Knob, BTreeSet<u32>> {
        self.answers
    }

    fn answer(&mut self, knob: Knob, draw: impl FnOnce(&mut ChaCha8Rng) -> u32) -> u32 {
        let purpose = KNOBS + knob as u8;
        let source = || stream(self.seed, self.index, purpose);
        let drawn = &mut self.drawn;
        let answer = self
            .fixed
            .answer(knob, || draw(drawn.entry(knob).or_insert_with(source)));
        self.answers.entry(knob).or_default().insert(answer);
        answer
    }
}
