// SPDX-License-Identifier: MIT OR Apache-2.0

//! A cycle that is kept because it was the first to reach something.

use std::collections::BTreeSet;

use anyhow::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::simulator::ReplayLine;
use crate::stress::StressPlan;

/// What the names of findings in a corpus begin with.
const FINDING: &str = "finding: ";

/// A cycle of the corpus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Its replay line.
    pub(super) line: String,
    /// What it was the first to reach.
    pub(super) reached: BTreeSet<String>,
}

impl Kept {
    /// A cycle of a plan.
    pub(super) fn new(plan: &StressPlan, cycle: u64, reached: BTreeSet<String>) -> Self {
        Self {
            line: plan.replay_line(cycle),
            reached,
        }
    }

    /// The name of a finding among what is reached.
    pub(super) fn name_of_finding(headline: &str) -> String {
        format!("{FINDING}{headline}")
    }

    /// Returns `true` if it has led to a finding.
    pub(super) fn is_finding(&self) -> bool {
        self.reached.iter().any(|it| it.starts_with(FINDING))
    }

    /// The plan of this cycle alone, with the drivers of a plan.
    pub(super) fn plan(&self, drivers: &StressPlan) -> Result<StressPlan> {
        let line: ReplayLine = self.line.parse().map_err(Error::msg)?;
        Ok(StressPlan {
            options: line.options,
            seed: line.seed,
            first: line.cycle,
            cycles: 1,
            ..drivers.clone()
        })
    }
}
