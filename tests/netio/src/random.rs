// SPDX-License-Identifier: MIT OR Apache-2.0

//! A random source with a seed, shared by all threads.

use core::sync::atomic::{AtomicU64, Ordering};

use channel::events::PLAIN;

/// `SplitMix64`: its state is a counter, so no lock is needed.
#[derive(Debug)]
pub(crate) struct Random {
    seed: AtomicU64,
    state: AtomicU64,
}

/// The step of the counter: 2^64 divided by the golden ratio.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl Random {
    pub(crate) const fn new() -> Self {
        Self {
            seed: AtomicU64::new(PLAIN),
            state: AtomicU64::new(0),
        }
    }

    pub(crate) fn seed(&self, seed: u64) {
        self.seed.store(seed, Ordering::Relaxed);
        self.state.store(seed, Ordering::Relaxed);
    }

    /// A number below `bound`, which is at least 1.
    pub(crate) fn below(&self, bound: u32) -> u32 {
        if self.seed.load(Ordering::Relaxed) == PLAIN {
            return 0;
        }
        let mut word = self.state.fetch_add(STEP, Ordering::Relaxed);
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^= word >> 31;
        let [.., b0, b1, b2, b3] = word.to_le_bytes();
        u32::from_le_bytes([b0, b1, b2, b3]) % bound
    }
}
