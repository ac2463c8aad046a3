// SPDX-License-Identifier: MIT OR Apache-2.0

//! A source of random answers for all threads.

use core::sync::atomic::{AtomicU64, Ordering};

/// `SplitMix64`: its state is a counter, so no lock is needed.
#[derive(Debug)]
pub struct SplitMix64(AtomicU64);

/// The step of the counter: 2^64 divided by the golden ratio.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl SplitMix64 {
    /// One that begins at `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Begins again at `seed`.
    pub fn seed(&self, seed: u64) {
        self.0.store(seed, Ordering::Relaxed);
    }

    /// Draws a number below `bound`, which is at least 1. Two threads that draw at the same
    /// moment may get the same one: an atomic addition takes longer than the rest.
    pub fn below(&self, bound: u32) -> u32 {
        let mut word = self.0.load(Ordering::Relaxed);
        self.0.store(word.wrapping_add(STEP), Ordering::Relaxed);
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^= word >> 31;
        let [.., b0, b1, b2, b3] = word.to_le_bytes();
        u32::from_le_bytes([b0, b1, b2, b3]) % bound
    }
}

#[cfg(test)]
mod tests {
    use super::SplitMix64;

    #[test]
    fn a_seed_begins_the_same_numbers_again() {
        let random = SplitMix64::new(7);
        let draw = || [(); 64].map(|()| random.below(3));
        let drawn = draw();
        assert_ne!(draw(), drawn);
        assert!((0..3).all(|number| drawn.contains(&number)));
        random.seed(7);
        assert_eq!([(); 64].map(|()| random.below(3)), drawn);
    }
}
