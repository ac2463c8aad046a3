// SPDX-License-Identifier: MIT OR Apache-2.0

//! Chooses the accesses to shared memory at which threads may be switched: often enough to
//! reach what happens between any two instructions, and rarely enough that a cycle takes at
//! most ten times as long.
//!
//! They are drawn from a source of their own, whatever the schedule: a schedule that is
//! written out, and each one that is tried when a cycle is minimised, meets the same ones.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

/// The choice of a cycle.
#[derive(Debug)]
pub(crate) struct Switches {
    random: ChaCha8Rng,
    /// The average number of accesses from one switch to the next.
    rarity: u32,
    /// The accesses until the next one.
    left: u32,
}

impl Switches {
    /// How rare they are, one of which is drawn.
    const RARITIES: [u32; 4] = [2, 8, 32, 128];

    pub(crate) fn new(mut random: ChaCha8Rng) -> Self {
        let rarity = Self::RARITIES[random.random_range(0..Self::RARITIES.len())];
        Self {
            random,
            rarity,
            left: 0,
        }
    }

    /// Returns `true` if threads may be switched at the next access.
    pub(super) fn draw(&mut self) -> bool {
        if self.left == 0 {
            self.left = self.random.random_range(1..2 * self.rarity);
        }
        self.left -= 1;
        self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn as_many_are_drawn_as_it_says() {
        for seed in 0..8 {
            let mut switches = Switches::new(ChaCha8Rng::seed_from_u64(seed));
            let drawn = (0..100_000).filter(|_| switches.draw()).count();
            let expected = 100_000 / switches.rarity as usize;
            assert!((expected * 9 / 10..=expected * 11 / 10).contains(&drawn));
        }
    }
}
