// SPDX-License-Identifier: MIT OR Apache-2.0

//! The stress under Wine: one session and one prefix per job, one report.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::Result;
use child::interrupt::interrupted;
use scenarios::{Line, Report};
use wine::{Prefix, Run};

use super::run_files::{ReportPaths, RunFiles};
use super::summary::{self, Detail};
use super::verdict::{self, RunEnd};
use super::{Job, StressPlan};
use crate::building::wine_prefix;
use crate::terminal::{Outcome, Progress, Verdict, print};
use crate::workspace::Workspace;

/// Runs the plan in `jobs` sessions at the same time.
pub(crate) fn stress(
    workspace: &Workspace,
    plan: &StressPlan,
    jobs: u64,
    keep: bool,
    paths: ReportPaths<'_>,
) -> Result<Verdict> {
    let Some(payload) = wine_prefix::payload(workspace)? else {
        return Ok(Outcome::Found.into());
    };
    let jobs = plan.jobs(jobs);
    let mut prefixes = wine_prefix::create_several(workspace, &payload, jobs.len())?;
    for prefix in prefixes.iter_mut().filter(|_| keep) {
        prefix.keep();
        print(format!("stress: the prefix is {}", prefix.path().display()));
    }
    let progress = Mutex::new((Progress::new("stress", "cycles", plan.cycles), 0));
    let session = |job: Job, prefix: &Prefix| {
        let run = Run {
            provider: &plan.provider,
            client: &plan.client,
            tier: wine_prefix::TIER,
            seed: plan.seed,
            first: job.first,
            cycles: job.cycles,
            options: &plan.options,
        };
        let mut counted = 0;
        let ran = run.perform(prefix, |line| {
            if let Line::Progress(done) = line {
                let (progress, all) = &mut *progress.lock().unwrap_or_else(PoisonError::into_inner);
                *all += done - counted;
                counted = done;
                progress.show(*all);
            }
        });
        if interrupted() {
            // Its session was ended: what it printed last is known.
            let mut report = Report::new(wine_prefix::TIER, plan.seed, job.cycles);
            report.cycles_done = counted;
            return Ok(report);
        }
        ran.map(|ran| ran.report)
    };
    let started = Instant::now();
    let reports: Vec<Result<Report>> = thread::scope(|scope| {
        let session = &session;
        let threads: Vec<_> = jobs
            .iter()
            .zip(&prefixes)
            .map(|(job, prefix)| scope.spawn(move || session(*job, prefix)))
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
    let mut report = Report::new(wine_prefix::TIER, plan.seed, plan.cycles);
    for part in reports {
        report.merge(part?);
    }
    // Without the time that it took to make the prefixes.
    report.took(took);
    print(summary::of(&report, None, Detail::Short, |cycle| {
        plan.command(cycle, 1)
    }));
    let end = RunEnd {
        took,
        deaths: 0,
        interrupted: interrupted(),
    };
    let verdict = verdict::of(&report, plan, &end);
    let again = |_, cycle| plan.command(cycle, 1);
    RunFiles::new(&report, &verdict, plan, &again).write(workspace, paths)?;
    Ok(verdict)
}
