// SPDX-License-Identifier: MIT OR Apache-2.0

//! The stress under Wine: one prefix, one session, one report.

use std::path::Path;

use anyhow::Result;

use super::{Plan, summary, write};
use crate::on_wine::{self, Kit, Run};
use crate::outcome::Outcome;
use crate::progress::Progress;
use crate::screen::say;
use crate::workspace::Workspace;

pub(super) fn stress(
    workspace: &Workspace,
    plan: &Plan,
    keep: bool,
    json: Option<&Path>,
) -> Result<Outcome> {
    let Some(kit) = Kit::build(workspace)? else {
        return Ok(Outcome::Found);
    };
    let mut prefix = kit.prefix(workspace)?;
    if keep {
        prefix.keep();
        say(format!("stress: the prefix is {}", prefix.path().display()));
    }
    let run = Run {
        provider: &plan.provider,
        client: &plan.client,
        seed: plan.seed,
        first: plan.first,
        cycles: plan.cycles,
        options: &[],
    };
    let mut progress = Progress::new("stress", "cycles", plan.cycles);
    let report = on_wine::run(&prefix, &run, |done| progress.show(done));
    progress.end();
    let report = report?;
    say(summary::of(&report, None, |cycle| plan.command(cycle, 1)));
    write(&report, None, json)?;
    Ok(if report.is_clean() {
        Outcome::Done
    } else {
        Outcome::Found
    })
}
