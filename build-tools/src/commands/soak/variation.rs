// SPDX-License-Identifier: MIT OR Apache-2.0

//! The options that change from batch to batch, and how often each is drawn.
//!
//! An option is drawn the more often the larger the share of its latest batches is that
//! reached what no batch before had, and an untried one as often as the best. When nothing new
//! is reached any more, all are drawn equally often.

use std::collections::BTreeMap;
use std::fmt;

use rand::Rng;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use serde::{Deserialize, Serialize};

/// The options, of which a batch has one of each row; an empty one stands for the default.
const AXES: [&[&str]; 5] = [
    &[
        "--strategy=random",
        "--strategy=run",
        "--strategy=hold",
        "--strategy=churn",
        "--strategy=pct",
    ],
    &["--kernel=documents", "--kernel=windows"],
    &["--faults=none", "--faults=random"],
    &["", "--preempt"],
    &["--races=sampled", "--races=all"],
];

/// What belongs to the drivers built here only: others are judged by one kernel.
const KERNEL: &str = "--kernel=";

/// The options of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variation(Vec<&'static str>);

/// The number of batches after which older ones count half.
const MEMORY: u32 = 16;
/// The smallest weight: each option is drawn now and then.
const LEAST: f64 = 0.05;

/// How an option has done lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Score {
    batches: u32,
    /// Those that have reached something new.
    fruitful: u32,
}

impl Score {
    fn weight(self) -> f64 {
        let share = f64::from(1 + self.fruitful) / f64::from(1 + self.batches);
        share.max(LEAST)
    }

    fn add(&mut self, is_fruitful: bool) {
        if self.batches >= MEMORY {
            self.batches /= 2;
            self.fruitful /= 2;
        }
        self.batches += 1;
        self.fruitful += u32::from(is_fruitful);
    }
}

/// How each option has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Scores(BTreeMap<String, Score>);

impl Scores {
    /// Draws the options of a batch; those of the drivers built here vary the kernel, too.
    pub(super) fn draw(&self, own_pair: bool, random: &mut impl Rng) -> Variation {
        let axes = AXES
            .into_iter()
            .filter(|axis| own_pair || !axis[0].starts_with(KERNEL));
        let one = |axis: &'static [&'static str]| {
            let score = |option: &&str| self.0.get(*option).copied().unwrap_or_default();
            let weights = WeightedIndex::new(axis.iter().map(|it| score(it).weight()));
            axis[weights.expect("no weight is zero").sample(random)]
        };
        Variation(axes.map(one).collect())
    }

    /// Credits a batch to its options.
    pub(super) fn credit(&mut self, variation: &Variation, reached: u64) {
        for option in &variation.0 {
            let score = self.0.entry((*option).to_owned()).or_default();
            score.add(reached > 0);
        }
    }
}

impl Variation {
    /// The options as arguments of the simulated kernel.
    pub(super) fn options(&self) -> Vec<String> {
        let given = self.0.iter().filter(|option| !option.is_empty());
        given.map(|option| (*option).to_owned()).collect()
    }
}

impl fmt::Display for Variation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.options().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    use super::*;

    fn drawn(scores: &Scores, option: &str) -> usize {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let draws = (0..1000).map(|_| scores.draw(true, &mut random));
        draws.filter(|it| it.0.contains(&option)).count()
    }

    #[test]
    fn what_reaches_more_is_drawn_more_often() {
        let mut scores = Scores::default();
        assert!((400..600).contains(&drawn(&scores, "--preempt")));
        let draw = |own| scores.draw(own, &mut ChaCha8Rng::seed_from_u64(1));
        let variation = draw(true);
        assert_eq!(variation.0.len(), AXES.len());
        assert_eq!(draw(false).0.len(), AXES.len() - 1);
        let fruitful = Variation(vec!["--preempt"]);
        let barren = Variation(vec![""]);
        for _ in 0..20 {
            scores.credit(&fruitful, 9);
            scores.credit(&barren, 0);
        }
        assert!(drawn(&scores, "--preempt") > 800);
        for _ in 0..100 {
            scores.credit(&fruitful, 0);
        }
        assert!((400..600).contains(&drawn(&scores, "--preempt")));
    }
}
