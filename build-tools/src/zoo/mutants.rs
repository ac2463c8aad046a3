// SPDX-License-Identifier: MIT OR Apache-2.0

//! `zoo --mutate`: judges the checks by defects made by machine. Each mutant of the pair's
//! drivers has one instruction changed, and a stress run has to find it.
//!
//! Not every change is a defect: many change nothing that anybody could notice. So a mutant
//! counts if it is found, or if its run differs from that of the unchanged driver: in what
//! ran when, or in any count of the report. Of these, [`GOAL`] percent must be found, and
//! `tests/zoo/survivors.toml` explains each of the others.

mod result;
mod survivors;
mod trial;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use child::interrupt::interrupted;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use scenarios::Mutant;

use super::catalogue::Role;
use crate::simulator::Simulator;
use crate::terminal::{Progress, Waiting, nearest};
use crate::workspace::Workspace;
use result::Judged;
pub(crate) use result::judge;
use survivors::Survivors;
use trial::{Original, Trial};

/// What percentage of the mutants that change behaviour must be found.
const GOAL: usize = 95;

/// Both drivers of the pair.
const ROLES: [Role; 2] = [Role::Provider, Role::Client];

/// The interval between two looks at the progress.
const POLLING: Duration = Duration::from_millis(100);

/// Which mutants are tried, and how.
pub(crate) struct Wanted<'a> {
    /// Their names; all if there are none.
    pub(crate) names: &'a [String],
    /// The most of them, drawn.
    pub(crate) sample: Option<usize>,
    pub(crate) seed: u64,
    /// The cycles of each run, of which each mutant has one in each setting.
    pub(crate) cycles: u64,
}

/// A mutant of one of the pair's drivers.
struct Candidate {
    role: Role,
    mutant: Mutant,
}

impl Candidate {
    fn name(&self) -> String {
        self.mutant.name(self.role.name())
    }
}

/// The mutants that were tried, and those that were to be.
pub(crate) struct Tried {
    judged: Vec<Judged>,
    wanted: usize,
    /// `true` if they are all that there are.
    all: bool,
    survivors: Survivors,
    took: Duration,
}

/// Tries the mutants that are wanted.
pub(crate) fn try_all(workspace: &Workspace, wanted: &Wanted<'_>) -> Result<Tried> {
    let started = Instant::now();
    let waiting = Waiting::on("reading the drivers, and running them unchanged");
    let simulator = Simulator::new(workspace);
    let survivors = Survivors::read(workspace)?;
    let (candidates, all) = candidates(workspace, &simulator, wanted)?;
    let original = Original::measure(workspace, &simulator, wanted)?;
    drop(waiting);

    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let mut progress = Progress::new("zoo", "mutants", candidates.len() as u64);
    let mut judged = BTreeMap::new();
    thread::scope(|scope| {
        for number in 0..processors {
            let sender = sender.clone();
            let (next, candidates, original) = (&next, &candidates, &original);
            scope.spawn(move || {
                let trial = match Trial::begin(original, number) {
                    Ok(trial) => trial,
                    Err(error) => return drop(sender.send((0, Err(error)))),
                };
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(candidate) = candidates.get(index) else {
                        return;
                    };
                    let fate = trial.run(candidate.role, &candidate.mutant);
                    // After a signal the runs of a mutant have ended early.
                    if interrupted() || sender.send((index, fate)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        loop {
            match receiver.recv_timeout(POLLING) {
                Ok((index, fate)) => {
                    let found = Judged::new(workspace, &candidates[index], fate?, &survivors);
                    if let Some(line) = found.survivor() {
                        progress.print_above(&line);
                    }
                    judged.insert(index, found);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            progress.show(judged.len() as u64);
        }
        anyhow::Ok(())
    })?;
    progress.end();
    Ok(Tried {
        judged: judged.into_values().collect(),
        wanted: candidates.len(),
        all,
        survivors,
        took: started.elapsed(),
    })
}

/// The mutants that are wanted, and whether they are all that there are.
fn candidates(
    workspace: &Workspace,
    simulator: &Simulator,
    wanted: &Wanted<'_>,
) -> Result<(Vec<Candidate>, bool)> {
    let mut candidates = Vec::new();
    for role in ROLES {
        let image = workspace.driver(role.name());
        let mutants = simulator.mutants(&image)?;
        ensure!(
            !mutants.is_empty(),
            "{} has no debug information beside it: build it again with cargo xtask build",
            workspace.shown(&image)
        );
        candidates.extend(mutants.into_iter().map(|mutant| Candidate { role, mutant }));
    }
    if !wanted.names.is_empty() {
        let names: Vec<_> = candidates.iter().map(Candidate::name).collect();
        for name in wanted.names {
            if !names.contains(name) {
                let mut near = nearest(name, names.iter().map(String::as_str)).into_iter();
                let near = near.next().or_else(|| names.first().map(String::as_str));
                let near = near.context("each driver has mutants")?;
                bail!("there is no mutant {name} in these images: {near} is one");
            }
        }
        candidates.retain(|candidate| wanted.names.contains(&candidate.name()));
        return Ok((candidates, false));
    }
    let Some(sample) = wanted.sample.filter(|&sample| sample < candidates.len()) else {
        return Ok((candidates, true));
    };
    let mut random = ChaCha8Rng::seed_from_u64(wanted.seed);
    candidates.shuffle(&mut random);
    candidates.truncate(sample);
    Ok((candidates, false))
}
