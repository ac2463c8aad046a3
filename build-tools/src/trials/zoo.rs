// SPDX-License-Identifier: MIT OR Apache-2.0

//! Trials of the zoo: every defect is found, in the simulated kernel and under Wine.

use anyhow::Result;

use crate::terminal::{Verdict, Word, print};
use crate::workspace::Workspace;
use crate::zoo::sim::{self, Budget, ResultPaths, Trials};
use crate::zoo::{Catalogue, SEED, wine};

/// Every defect is found in the simulated kernel. The drivers must have been built.
pub(crate) fn every_defect_is_found(workspace: &Workspace) -> Result<bool> {
    /// Enough to find every defect with the default seed. A run without a finding is the
    /// dear one: `cargo xtask zoo` makes it longer.
    const BUDGET: Budget = Budget {
        defective: 1000,
        clean: 60,
    };

    let catalogue = Catalogue::read(workspace)?;
    let trials = Trials::new(workspace, &catalogue, SEED, BUDGET)?;
    let tried = trials.try_all(&catalogue.select(&[])?);
    Ok(has_passed(&sim::judge(&tried, ResultPaths::default())?))
}

/// Every defect that shows under Wine is found there.
pub(crate) fn every_defect_is_found_under_wine(workspace: &Workspace) -> Result<bool> {
    let catalogue = Catalogue::read(workspace)?;
    let modules = wine::detectable(&catalogue.select(&[])?);
    Ok(has_passed(&wine::try_all(workspace, &modules, SEED)?))
}

/// Prints the verdict. Returns `true` if nothing is wrong.
fn has_passed(verdict: &Verdict) -> bool {
    print(format!("zoo: {verdict}"));
    verdict.word() == Word::Pass
}
