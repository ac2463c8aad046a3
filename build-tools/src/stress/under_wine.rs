// SPDX-License-Identifier: MIT OR Apache-2.0

//! The stress under Wine: one prefix, one session, one report.

use std::path::Path;

use anyhow::Result;

use super::progress::Progress;
use super::{Plan, summary, write};
use crate::on_wine::{self, Kit, Run};
use crate::outcome::Outcome;
use crate::screen::{self, say};
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
    let mut progress = Progress::new(plan.cycles);
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

/// A short run for tests. Beside what every run must be, it must have done what
/// this tier is for, and it must leave nothing.
pub(super) fn passes(workspace: &Workspace) -> Result<bool> {
    const CYCLES: u64 = 150;
    const SEED: u64 = 1;

    let Some(kit) = Kit::build(workspace)? else {
        return Ok(false);
    };
    let prefix = kit.prefix(workspace)?;
    let run = Run {
        provider: &workspace.drivers().join("provider.sys"),
        client: &workspace.drivers().join("client.sys"),
        seed: SEED,
        first: 0,
        cycles: CYCLES,
        options: &[],
    };
    let report = on_wine::run(&prefix, &run, |_| {})?;
    say(summary::of(&report, None, |cycle| {
        format!("cargo xtask stress --on wine --seed {SEED} --first {cycle} --cycles 1")
    }));
    let path = prefix.path().to_owned();
    drop(prefix);
    let counts = &report.counts;
    let expectations = [
        (report.is_clean(), "all cycles ran and nothing was found"),
        (
            report.loaders.len() == 2,
            "drivers came and went by two mechanisms",
        ),
        (
            counts.detaches_pending_client > 0 && counts.detaches_pending_provider > 0,
            "detaches pended on both sides",
        ),
        (
            counts.unloads_overlapped > 0,
            "both drivers were unloading at once",
        ),
        (
            counts.calls > 0 && counts.completions > 0,
            "requests went to and fro",
        ),
        (!path.exists(), "the prefix is gone"),
        (
            !wine::is_inhabited(&path)?,
            "no process of the session is left",
        ),
    ];
    let mut passed = true;
    for (holds, what) in expectations {
        if !holds {
            screen::error(format!("under Wine it should be that {what}"));
            passed = false;
        }
    }
    Ok(passed)
}
