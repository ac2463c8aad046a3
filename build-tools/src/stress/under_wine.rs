// SPDX-License-Identifier: MIT OR Apache-2.0

//! The stress under Wine: each session in a prefix of its own, one report.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::Result;
use scenarios::{Line, Report};
use wine::{Prefix, Run};

use super::workers::Job;
use super::{Plan, Written, summary, write};
use crate::on_wine;
use crate::outcome::Outcome;
use crate::progress::Progress;
use crate::screen::{self, say};
use crate::workspace::Workspace;

/// Runs the plan in as many sessions as `jobs`, each in a prefix of its own.
pub(super) fn stress(
    workspace: &Workspace,
    plan: &Plan,
    jobs: u64,
    keep: bool,
    json: Option<&Path>,
) -> Result<Outcome> {
    let Some(kit) = on_wine::kit(workspace)? else {
        return Ok(Outcome::Found);
    };
    let jobs = plan.jobs(jobs);
    let mut prefixes = on_wine::prefixes(workspace, &kit, jobs.len())?;
    for prefix in prefixes.iter_mut().filter(|_| keep) {
        prefix.keep();
        say(format!("stress: the prefix is {}", prefix.path().display()));
    }
    let progress = Mutex::new((Progress::new("stress", "cycles", plan.cycles), 0));
    let session = |job: &Job<'_>, prefix: &Prefix| {
        let run = Run {
            provider: &plan.provider,
            client: &plan.client,
            tier: on_wine::TIER,
            seed: plan.seed,
            first: job.first,
            cycles: job.cycles,
            options: &plan.options,
        };
        let mut told = 0;
        let ran = run.perform(prefix, |line| {
            if let Line::Progress(done) = line {
                let (progress, all) = &mut *progress.lock().unwrap_or_else(PoisonError::into_inner);
                *all += done - told;
                told = done;
                progress.show(*all);
            }
        });
        ran.map(|ran| ran.report)
    };
    let started = Instant::now();
    let reports: Vec<Result<Report>> = thread::scope(|scope| {
        let session = &session;
        let threads: Vec<_> = jobs
            .iter()
            .zip(&prefixes)
            .map(|(job, prefix)| scope.spawn(move || session(job, prefix)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a session does not panic"))
            .collect()
    });
    let took = started.elapsed();
    let (progress, _) = progress
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    progress.end();
    let mut report = Report::new(on_wine::TIER, plan.seed, plan.cycles);
    for part in reports {
        report.merge(part?);
    }
    // From the first session's start to the last one's end; the prefixes were there.
    report.took(took);
    say(summary::of(&report, None, |cycle| plan.command(cycle, 1)));
    let written = Written {
        report: &report,
        coverage: None,
        guest: None,
    };
    write(&written, json)?;
    Ok(if report.is_clean() {
        Outcome::Done
    } else {
        Outcome::Found
    })
}

/// A short run for tests. Beside what every run must be, it must have done what
/// this tier is for, and it must leave nothing.
pub(super) fn passes(workspace: &Workspace) -> Result<bool> {
    const CYCLES: u64 = 100;
    const SEED: u64 = 1;

    let Some(kit) = on_wine::kit(workspace)? else {
        return Ok(false);
    };
    let prefix = on_wine::prefix(workspace, &kit)?;
    let run = Run {
        provider: &workspace.drivers().join("provider.sys"),
        client: &workspace.drivers().join("client.sys"),
        tier: on_wine::TIER,
        seed: SEED,
        first: 0,
        cycles: CYCLES,
        options: &[wine::probe()],
    };
    let report = run.perform(&prefix, |_| {})?.report;
    say(summary::of(&report, None, |cycle| {
        format!("cargo xtask stress --on wine --seed {SEED} --first {cycle} --cycles 1")
    }));
    let path = prefix.path().to_owned();
    drop(prefix);
    let counts = &report.counts;
    let expectations = [
        (report.is_clean(), "all cycles ran and nothing was found"),
        (
            counts.mechanisms.len() == 2,
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
