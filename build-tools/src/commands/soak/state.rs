// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a soak has done, and the directory in which it is kept.
//!
//! The file is replaced as a whole, and its size is limited by what there is to reach: it
//! grows neither with the time nor with the number of cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use scenarios::Report;
use serde::{Deserialize, Serialize};

use super::corpus::Kept;
use super::variation::{Scores, Variation};
use crate::stress::sim::Ran;
use crate::stress::{Inputs, StressPlan};
use crate::terminal::print;
use crate::workspace::artifact;

/// The largest number of cycles in a corpus.
const MOST_KEPT: usize = 10_000;

/// What a soak has done.
#[derive(Serialize, Deserialize)]
pub(super) struct State {
    pub(super) inputs: Inputs,
    /// The seed of the first batch; each later one has the next.
    pub(super) seed: u64,
    /// The number of batches done.
    pub(super) batches: u64,
    /// The time of all batches.
    seconds: f64,
    /// How many workers have died.
    pub(super) deaths: usize,
    scores: Scores,
    pub(super) corpus: Vec<Kept>,
    pub(super) report: Report,
}

impl State {
    /// The state of a soak that has not begun.
    pub(super) fn new(inputs: Inputs, seed: u64) -> Self {
        Self {
            inputs,
            seed,
            batches: 0,
            seconds: 0.0,
            deaths: 0,
            scores: Scores::default(),
            corpus: Vec::new(),
            report: Report::new("sim", seed, 0),
        }
    }

    /// The time of all that was done.
    pub(super) fn took(&self) -> Duration {
        Duration::try_from_secs_f64(self.seconds).unwrap_or_default()
    }

    /// The options of the next batch.
    pub(super) fn draw(&self, own_pair: bool) -> Variation {
        let seed = self.seed.wrapping_add(self.batches);
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        self.scores.draw(own_pair, &mut random)
    }

    /// Credits a batch to its options.
    pub(super) fn credit(&mut self, variation: &Variation, reached: u64) {
        self.scores.credit(variation, reached);
    }

    /// Adds what cycles of a plan came to. Returns how much they were the first to reach.
    pub(super) fn add(&mut self, ran: Ran, plan: &StressPlan) -> u64 {
        let mut reached: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
        for first in ran.reached {
            reached.entry(first.cycle).or_default().extend(first.what);
        }
        for finding in &ran.report.findings {
            let mut known = self.report.findings.iter();
            if !known.any(|it| it.is_same_as(finding)) {
                let name = Kept::name_of_finding(&finding.headline());
                print(format!(
                    "soak: {name}: {}",
                    plan.replay_command(finding.cycle)
                ));
                reached.entry(finding.cycle).or_default().insert(name);
            }
        }
        let kept = self.corpus.iter().flat_map(|it| &it.reached);
        let mut known: BTreeSet<String> = kept.cloned().collect();
        let mut count = 0;
        for (cycle, mut what) in reached {
            what.retain(|it| known.insert(it.clone()));
            if !what.is_empty() && self.corpus.len() < MOST_KEPT {
                count += what.len() as u64;
                self.corpus.push(Kept::new(plan, cycle, what));
            }
        }
        self.seconds += ran.took.as_secs_f64();
        self.deaths += ran.deaths.len();
        self.report.merge(ran.report);
        self.report.took(self.took());
        count
    }
}

/// The directory of a state, which one soak at a time uses.
pub(super) struct Directory {
    path: PathBuf,
    /// Unlocked by its end, also if it is killed.
    _lock: File,
}

impl Directory {
    /// Opens the directory, and makes it if it is not there.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let cannot = || {
            format!(
                "{} cannot be used: name another directory by --state",
                path.display()
            )
        };
        fs::create_dir_all(path).with_context(cannot)?;
        let lock = File::create(path.join("lock")).with_context(cannot)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "{} is in use by another soak: name another directory by --state",
                path.display()
            ),
            Err(TryLockError::Error(error)) => return Err(error).with_context(cannot),
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn file(&self) -> PathBuf {
        self.path.join("state.json")
    }

    /// The state that was left there, if there is one.
    pub(super) fn read(&self) -> Result<Option<State>> {
        let file = self.file();
        if !file.exists() {
            return Ok(None);
        }
        let text = fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let state = serde_json::from_slice(&text).with_context(|| {
            format!(
                "{} is not of this version or damaged: move it away, or name another directory by \
                 --state",
                file.display()
            )
        })?;
        Ok(Some(state))
    }

    /// Replaces the state that is there.
    pub(super) fn write(&self, state: &State) -> Result<()> {
        artifact::write_json(&self.file(), state)
    }
}
