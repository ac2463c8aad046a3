// SPDX-License-Identifier: MIT OR Apache-2.0

//! What processes beside each other cost: cycles in one process, and the same cycles in two
//! at a time.

use std::fmt;
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow};
use serde::Serialize;

use super::cycles;
use super::goals::Goal;
use crate::terminal::Waiting;
use crate::workspace::Workspace;

/// The cycles of a turn.
const CYCLES: u32 = 1000;
/// How much more processor time a cycle may take beside another process.
const LINEAR: f64 = 1.1;

/// The best of several turns of each.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Jobs {
    /// Processor time of a cycle, in microseconds.
    one: f64,
    two: f64,
    /// How many times as many cycles two processes do in the same time.
    speedup: f64,
}

/// Measures in turns.
pub(super) fn run(workspace: &Workspace, quick: bool) -> Result<Jobs> {
    let turns = if quick { 2 } else { 5 };
    let waiting = Waiting::on("measuring processes beside each other");
    let mut best = [(f64::INFINITY, f64::INFINITY); 2];
    for _ in 0..turns {
        for (best, parts) in best.iter_mut().zip([1, 2]) {
            let (processor, clock) = turn(workspace, parts)?;
            *best = (best.0.min(processor), best.1.min(clock));
        }
    }
    drop(waiting);
    let [one, two] = best;
    Ok(Jobs {
        one: one.0,
        two: two.0,
        speedup: one.1 / two.1,
    })
}

/// Runs the cycles in as many processes at a time. Returns the processor time of a cycle, in
/// microseconds, and the time until the last process was done, in seconds.
fn turn(workspace: &Workspace, parts: u32) -> Result<(f64, f64)> {
    let began = Instant::now();
    let part = CYCLES / parts;
    let times = thread::scope(|scope| {
        let running: Vec<_> = (0..parts)
            .map(|number| scope.spawn(move || cycles::measure(workspace, number * part, part, &[])))
            .collect();
        let ends = running.into_iter().map(|it| {
            let cycles = it.join().map_err(|_| anyhow!("a measurement panicked"))??;
            anyhow::Ok(cycles.each())
        });
        ends.collect::<Result<Vec<_>>>()
    })?;
    let each = times.iter().sum::<f64>() / f64::from(parts);
    Ok((each, began.elapsed().as_secs_f64()))
}

impl Jobs {
    /// Processor time is judged: the clock tells how busy the machine is.
    pub(super) fn goals(&self) -> [Goal; 1] {
        let what = "processor time of a cycle in two processes at a time, beside one";
        [Goal::at_most(what, self.two / self.one, LINEAR)]
    }
}

impl fmt::Display for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { one, two, speedup } = self;
        write!(
            f,
            "{one:.0} µs of processor time in one process, {two:.0} µs in each of two, which \
             together are {speedup:.2} times as fast by the clock"
        )
    }
}
