// SPDX-License-Identifier: MIT OR Apache-2.0

//! Processors: how many there are, and which of them each thread may run on and is on.
//!
//! A thread at `DISPATCH_LEVEL` or above keeps its processor, which no other such thread
//! has. Below, it may move at any instruction, within its affinity: each time that it asks,
//! it may be on another processor.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::Scheduler;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::scheduling::thread::{Thread, ThreadId};

/// One in `MOVES` queries of a thread below `DISPATCH_LEVEL` finds it on another processor.
const MOVES: u32 = 4;
/// One in `UNUSUAL` cycles with four processors has another number of processors instead.
const UNUSUAL: u32 = 4;

/// The processors of a cycle.
#[derive(Debug)]
pub(super) struct Processors {
    count: usize,
    random: ChaCha8Rng,
}

impl Processors {
    /// `usual` processors, or now and then others instead of four: up to 64, as many as a
    /// group has.
    pub(super) fn new(usual: usize, mut random: ChaCha8Rng) -> Self {
        const OTHERS: [usize; 6] = [3, 6, 8, 16, 32, 64];
        let count = if usual == 4 && random.random_ratio(1, UNUSUAL) {
            OTHERS[random.random_range(0..OTHERS.len())]
        } else {
            usual
        };
        Self { count, random }
    }

    /// The mask of all.
    const fn all(&self) -> u64 {
        u64::MAX >> (64 - self.count)
    }

    /// One of those in `mask`.
    fn draw(&mut self, mask: u64) -> usize {
        let mut number = self.random.random_range(0..mask.count_ones());
        let mut left = mask;
        while number > 0 {
            left &= left - 1;
            number -= 1;
        }
        left.trailing_zeros() as usize
    }
}

impl Scheduler {
    /// The number of processors.
    pub(crate) const fn processors(&self) -> usize {
        self.processors.count
    }

    /// The mask of all processors.
    pub(crate) const fn active_processors(&self) -> u64 {
        self.processors.all()
    }

    /// The processors that threads are known to keep, but for `thread`.
    fn taken(&self, but: usize) -> u64 {
        let others = self.live().filter(|(index, _)| *index != but);
        let kept = others.filter_map(|(_, it)| it.processor.filter(|_| it.is_pinned()));
        kept.fold(0, |mask, number| mask | 1 << number)
    }

    /// Returns `true` if a thread below `DISPATCH_LEVEL` finds a processor.
    pub(super) fn has_processor(&self) -> bool {
        let pinned = self.live().filter(|(_, thread)| thread.is_pinned());
        pinned.count() < self.processors.count
    }

    /// Returns `true` if no processor that a thread may run on is free.
    pub(super) fn is_kept_out(&self, index: usize, thread: &Thread) -> bool {
        thread.affinity != 0 && thread.affinity & !self.taken(index) == 0
    }

    /// Returns `true` if the current thread must give way to those that keep the
    /// processors that it may run on.
    pub(crate) fn current_is_kept_out(&self) -> bool {
        let current = self.current();
        !current.is_pinned() && self.is_kept_out(self.current, current)
    }

    /// The number of the current thread's processor.
    pub(crate) fn processor(&mut self) -> u32 {
        let current = self.current();
        let (pinned, before) = (current.is_pinned(), current.processor);
        let number = if let Some(number) = before.filter(|_| pinned) {
            number
        } else {
            let allowed = match current.affinity {
                0 => self.processors.all(),
                mask => mask,
            };
            let free = match allowed & !self.taken(self.current) {
                0 => allowed,
                mask => mask,
            };
            let stays = before.filter(|number| free & 1 << number != 0);
            match stays {
                Some(number) if !self.processors.random.random_ratio(1, MOVES) => number,
                _ => self.processors.draw(free),
            }
        };
        self.current_mut().processor = Some(number);
        u32::try_from(number).expect("there are few")
    }

    /// The processor that the current thread keeps, if it is known.
    pub(crate) fn kept_processor(&self) -> Option<usize> {
        let current = self.current();
        let only = self.processors.count == 1;
        let kept = current.processor.or(only.then_some(0));
        kept.filter(|_| current.is_pinned())
    }

    /// Lets a thread run on the processors in `mask` only, or on all if that is 0. Returns
    /// the mask before.
    pub(crate) fn set_affinity(&mut self, id: ThreadId, mask: u64) -> u64 {
        std::mem::replace(&mut self.thread_mut(id).affinity, mask)
    }

    /// The current thread has raised its IRQL: one that may run on few processors keeps one
    /// of these from now on.
    pub(crate) fn keep_processor(&mut self) {
        let current = self.current();
        if current.affinity != 0 && current.irql >= DISPATCH_LEVEL {
            self.processor();
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn every_processor_is_drawn_and_no_other() {
        let random = ChaCha8Rng::seed_from_u64(1);
        let mut processors = Processors { count: 64, random };
        assert_eq!(processors.all(), u64::MAX);
        let mask = 1 << 63 | 1 << 5 | 1;
        let mut drawn = 0_u64;
        for _ in 0..100 {
            drawn |= 1 << processors.draw(mask);
        }
        assert_eq!(drawn, mask);
    }
}
