// SPDX-License-Identifier: MIT OR Apache-2.0

//! A random source with a seed, shared by all threads.

use core::sync::atomic::{AtomicU64, Ordering};

use channel::events::PLAIN;
use registrar::knobs::SplitMix64;

/// Draws nothing but zeros until it has a seed.
#[derive(Debug)]
pub(crate) struct Random {
    seed: AtomicU64,
    numbers: SplitMix64,
}

impl Random {
    pub(crate) const fn new() -> Self {
        Self {
            seed: AtomicU64::new(PLAIN),
            numbers: SplitMix64::new(0),
        }
    }

    pub(crate) fn seed(&self, seed: u64) {
        self.seed.store(seed, Ordering::Relaxed);
        self.numbers.seed(seed);
    }

    /// A number below `bound`, which is at least 1.
    pub(crate) fn below(&self, bound: u32) -> u32 {
        if self.seed.load(Ordering::Relaxed) == PLAIN {
            return 0;
        }
        self.numbers.below(bound)
    }
}
