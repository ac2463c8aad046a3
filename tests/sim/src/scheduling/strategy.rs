// SPDX-License-Identifier: MIT OR Apache-2.0

//! Scheduling strategies: named searches for a schedule in which something
//! breaks.
//!
//! Each draws from the cycle's seed, and none is best: what a churning schedule
//! misses, one that holds a thread back finds, and the other way round.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
pub use scenarios::Strategy;

/// A strategy at work in one cycle.
#[derive(Debug)]
pub(crate) struct Chooser {
    strategy: Strategy,
    /// The average number of points from one that may switch threads to the next.
    rarity: u32,
    /// The average number of breakpoints from one that holds its thread back to the next.
    delays: u32,
    /// The thread that is held back, and the maximum number of points.
    held: Option<(usize, u32)>,
    /// Each thread's priority.
    priorities: Vec<i64>,
    /// The next lower priority than all others.
    lowest: i64,
    /// Points until the running thread's priority changes.
    change: u32,
}

/// The average number of points from one that holds its thread back to the next.
const HOLD: u32 = 200;
/// The maximum number of points for which a thread is held back.
const LONGEST_HOLD: u32 = 20_000;
/// A thread at a breakpoint is held back for fewer points than that.
const LONGEST_DELAY: u32 = 3000;
/// The most points between two changes of priority: short for short cycles, so
/// that a thread that only polls does not run for ever.
const LONGEST_CHANGE: u32 = 3000;

impl Chooser {
    pub(crate) fn new(strategy: Strategy, random: &mut ChaCha8Rng) -> Self {
        let rarity = [1, 2, 8, 32][random.random_range(0..4)];
        let delays = [16, 64, 256][random.random_range(0..3)];
        Self {
            strategy,
            rarity,
            delays,
            held: None,
            priorities: Vec::new(),
            lowest: 0,
            change: match strategy {
                Strategy::Pct => random.random_range(1..LONGEST_CHANGE),
                _ => 0,
            },
        }
    }

    /// Now and then holds the thread back that is at a breakpoint: a race between two
    /// instructions shows if another thread does much in between.
    pub(crate) fn delay(&mut self, current: usize, random: &mut ChaCha8Rng) {
        if self.strategy == Strategy::Random
            && self.held.is_none()
            && random.random_ratio(1, self.delays)
        {
            self.held = Some((current, random.random_range(1..LONGEST_DELAY)));
        }
    }

    /// Returns `true` if the thread that runs may be switched at this point.
    pub(crate) fn interrupts(&mut self, current: usize, random: &mut ChaCha8Rng) -> bool {
        if let Some((_, points)) = &mut self.held {
            *points -= 1;
            if *points == 0 {
                self.held = None;
            }
        }
        match self.strategy {
            Strategy::Random => {
                self.held.is_some_and(|(held, _)| held == current)
                    || self.rarity == 1
                    || random.random_ratio(1, self.rarity)
            }
            Strategy::Run => false,
            Strategy::Churn => true,
            Strategy::Hold => {
                if self.held.is_none() && random.random_ratio(1, HOLD) {
                    self.held = Some((current, LONGEST_HOLD));
                    return true;
                }
                random.random_ratio(1, 8)
            }
            Strategy::Pct => {
                self.change -= 1;
                if self.change == 0 {
                    self.change = random.random_range(1..LONGEST_CHANGE);
                    self.demote(current, random);
                }
                true
            }
        }
    }

    fn demote(&mut self, thread: usize, random: &mut ChaCha8Rng) {
        self.priority(thread, random);
        self.lowest -= 1;
        self.priorities[thread] = self.lowest;
    }

    fn priority(&mut self, thread: usize, random: &mut ChaCha8Rng) -> i64 {
        while self.priorities.len() <= thread {
            self.priorities.push(random.random_range(0..1 << 40));
        }
        self.priorities[thread]
    }

    /// One of the threads that are ready, after `current`.
    pub(crate) fn choose(
        &mut self,
        ready: &[usize],
        current: usize,
        random: &mut ChaCha8Rng,
    ) -> Option<usize> {
        let any = |threads: &[usize], random: &mut ChaCha8Rng| match threads {
            [] => None,
            [only] => Some(*only),
            several => Some(several[random.random_range(0..several.len())]),
        };
        match self.strategy {
            Strategy::Run => any(ready, random),
            Strategy::Churn => {
                let later = ready.iter().find(|&&thread| thread > current);
                later.or(ready.first()).copied()
            }
            Strategy::Random | Strategy::Hold => {
                let Some((held, _)) = self.held else {
                    return any(ready, random);
                };
                // They are in ascending order.
                let Some(place) = ready.iter().position(|&thread| thread == held) else {
                    return any(ready, random);
                };
                match ready.len() - 1 {
                    0 => {
                        self.held = None;
                        Some(held)
                    }
                    1 => Some(ready[1 - place]),
                    others => {
                        let drawn = random.random_range(0..others);
                        Some(ready[drawn + usize::from(drawn >= place)])
                    }
                }
            }
            Strategy::Pct => {
                let priority = |&thread: &usize| self.priority(thread, random);
                ready.iter().copied().max_by_key(priority)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn every_strategy_finds_someone_to_run() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for strategy in Strategy::ALL {
            let mut chooser = Chooser::new(strategy, &mut random);
            for _ in 0..5000 {
                chooser.interrupts(2, &mut random);
                assert_eq!(chooser.choose(&[2], 2, &mut random), Some(2), "{strategy}");
                assert_eq!(chooser.choose(&[], 2, &mut random), None, "{strategy}");
            }
        }
    }

    #[test]
    fn a_thread_that_is_delayed_goes_on_after_some_points() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut chooser = Chooser::new(Strategy::Random, &mut random);
        while chooser.held.is_none() {
            chooser.delay(1, &mut random);
        }
        assert!(chooser.interrupts(1, &mut random), "others run first");
        assert_eq!(chooser.choose(&[1, 4], 1, &mut random), Some(4));
        for _ in 0..LONGEST_DELAY {
            chooser.interrupts(4, &mut random);
        }
        assert!(chooser.held.is_none());
    }

    #[test]
    fn a_thread_that_is_held_runs_only_alone() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut chooser = Chooser::new(Strategy::Hold, &mut random);
        chooser.held = Some((1, 10));
        assert_eq!(chooser.choose(&[1, 4], 1, &mut random), Some(4));
        assert_eq!(chooser.choose(&[1], 1, &mut random), Some(1));
    }
}
