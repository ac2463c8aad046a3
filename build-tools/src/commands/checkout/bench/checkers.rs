// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the search for data races and the preemption of threads cost: the same cycles with
//! each, beside cycles with neither.

use std::fmt;

use anyhow::Result;
use serde::Serialize;

use super::cycles;
use super::goals::Goal;
use crate::terminal::Waiting;
use crate::workspace::Workspace;

/// The cycles of a turn.
const CYCLES: u32 = 600;
/// The options of the simulator, and how many times as long a cycle may take with them.
const SETTINGS: [(&str, &[&str], Option<f64>); 4] = [
    ("no search for data races", &["--races=off"], None),
    (
        "sampled search, the default",
        &["--races=sampled"],
        Some(1.5),
    ),
    ("search in each cycle", &["--races=all"], None),
    (
        "preemption in each cycle",
        &["--races=off", "--preempt"],
        Some(10.0),
    ),
];

/// The processor time of a cycle with each setting, in microseconds: the best of several turns.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Checkers([f64; SETTINGS.len()]);

/// Measures in turns.
pub(super) fn run(workspace: &Workspace, quick: bool) -> Result<Checkers> {
    let turns = if quick { 1 } else { 3 };
    let waiting = Waiting::on("measuring checkers");
    let mut best = [f64::INFINITY; SETTINGS.len()];
    for _ in 0..turns {
        for (best, (_, options, _)) in best.iter_mut().zip(SETTINGS) {
            let cycles = cycles::measure(workspace, 0, CYCLES, options)?;
            *best = best.min(cycles.each());
        }
    }
    drop(waiting);
    Ok(Checkers(best))
}

impl Checkers {
    /// Each setting with its time, and that beside the first one.
    fn rows(&self) -> impl Iterator<Item = (&'static str, Option<f64>, f64, f64)> + '_ {
        let [without, ..] = self.0;
        let rows = SETTINGS.iter().zip(self.0);
        rows.map(move |((name, _, limit), time)| (*name, *limit, time, time / without))
    }

    pub(super) fn goals(&self) -> impl Iterator<Item = Goal> + '_ {
        self.rows().filter_map(|(name, limit, _, ratio)| {
            let what = format!("processor time of a cycle, {name}, beside one without");
            Some(Goal::at_most(what, ratio, limit?))
        })
    }
}

impl fmt::Display for Checkers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "A cycle with the checkers that are not in each cycle")?;
        for (name, _, time, ratio) in self.rows() {
            write!(f, "\n{name:<28}{time:>8.0} µs {ratio:>6.2} x")?;
        }
        Ok(())
    }
}
