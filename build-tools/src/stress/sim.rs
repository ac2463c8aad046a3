// SPDX-License-Identifier: MIT OR Apache-2.0

//! The stress in the simulated kernel: worker processes share the cycles.
//!
//! A cycle depends on the seed and its number only. The number of workers therefore
//! changes the time, not the result.

mod workers;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use child::interrupt::interrupted;
use scenarios::{Coverage, Finding, Report};
use serde::Deserialize;

use super::inputs::Inputs;
use super::run_files::{ReportPaths, RunFiles};
use super::summary::{self, Detail};
use super::verdict::{self, RunEnd};
use super::{Job, StressPlan};
use crate::simulator::{self, Simulator};
use crate::terminal::{self, Progress, Verdict, Waiting, count, print};
use crate::trace;
use crate::workspace::Workspace;
pub(crate) use workers::Reached;
use workers::WorkerEnd;

/// What cycles came to.
pub(crate) struct Ran {
    pub(crate) report: Report,
    /// How workers died, a line each.
    pub(crate) deaths: Vec<String>,
    pub(crate) took: Duration,
    /// With --reached: what each worker reached first.
    pub(crate) reached: Vec<Reached>,
}

/// A plan that the simulated kernel runs.
pub(crate) struct SimulatedRun<'a> {
    workspace: &'a Workspace,
    plan: &'a StressPlan,
    simulator: Simulator,
}

impl<'a> SimulatedRun<'a> {
    pub(crate) fn new(workspace: &'a Workspace, plan: &'a StressPlan) -> Self {
        Self {
            workspace,
            plan,
            simulator: Simulator::new(workspace),
        }
    }

    /// The worker command that runs a job.
    fn command(&self, job: Job) -> Command {
        let plan = self.plan;
        let mut command = if plan.drivers.is_empty() {
            self.simulator.command(&plan.provider, &plan.client)
        } else {
            self.simulator.command_with(&plan.drivers)
        };
        if plan.is_own_pair() {
            simulator::add_alternatives(&mut command, self.workspace);
        }
        for (name, value) in [
            ("--seed", plan.seed),
            ("--first", job.first),
            ("--cycles", job.cycles),
        ] {
            command.arg(name).arg(value.to_string());
        }
        command.args(&plan.options);
        command
    }

    /// The number of cycles in which each fault occurs once in each order.
    pub(crate) fn systematic_cycles(&self) -> Result<u64> {
        #[derive(Deserialize)]
        struct Size {
            size: u64,
        }
        let one = Job {
            first: 0,
            cycles: 1,
        };
        let waiting = Waiting::on("counting the calls that can fail");
        let output = simulator::output(self.command(one).arg("--size"))?;
        drop(waiting);
        let Ok(Size { size }) = serde_json::from_slice(&output.stdout) else {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!("{}", simulator::error_of(&errors));
        };
        Ok(size)
    }

    /// Runs all cycles in one process and prints every event.
    pub(crate) fn trace(&self) -> Result<Verdict> {
        let traced = simulator::trace(&mut self.command(self.plan.whole()))?;
        let cycles = count(self.plan.cycles, "cycle", "cycles");
        Ok(traced.verdict(&format!("{cycles} of seed {}", self.plan.seed)))
    }

    /// The sequence diagram of a cycle as SVG in at most `room` bytes; `None` if it cannot be
    /// run again.
    fn diagram(&self, cycle: u64, room: usize) -> Option<String> {
        let one = Job {
            first: cycle,
            cycles: 1,
        };
        let again = || trace::events_of(&mut self.command(one)).ok();
        let trace = (!interrupted()).then(again)??;
        Some(trace::diagram::svg_within(&trace.events, room))
    }

    /// Runs the plan in `jobs` worker processes.
    pub(crate) fn stress(
        &self,
        jobs: u64,
        detail: Detail,
        paths: ReportPaths<'_>,
    ) -> Result<Verdict> {
        let plan = self.plan;
        let inputs = Inputs::of(plan, self.workspace)?;
        let progress = Progress::new("stress", "cycles", plan.cycles);
        let ran = self.run(&plan.jobs(jobs), progress)?;
        for how in &ran.deaths {
            terminal::error(how);
        }
        let end = RunEnd {
            took: ran.took,
            deaths: ran.deaths.len(),
            interrupted: interrupted(),
        };
        self.conclude(&ran.report, &inputs, &end, detail, paths)
    }

    /// Runs these cycles of the plan, each job in a process of its own.
    pub(crate) fn run(&self, jobs: &[Job], progress: Progress) -> Result<Ran> {
        let started = Instant::now();
        let mut report = Report::new("sim", self.plan.seed, self.plan.cycles);
        let mut deaths = Vec::new();
        let ended = workers::run(self, jobs, progress)?;
        for end in ended.ends {
            match end {
                WorkerEnd::Reported(part) => report.merge(*part),
                WorkerEnd::Refused(why) => bail!(why),
                WorkerEnd::Died(how) => deaths.push(how),
                WorkerEnd::Killed => terminal::error(
                    "a worker did not end its cycle and was killed: its cycles are not counted",
                ),
            }
        }
        let took = started.elapsed();
        report.took(took);
        Ok(Ran {
            report,
            deaths,
            took,
            reached: ended.reached,
        })
    }

    /// The verdict on a report of this plan.
    pub(crate) fn verdict(&self, report: &Report, end: &RunEnd) -> Verdict {
        verdict::of(report, self.plan, end)
    }

    /// Prints the summary of a run that has ended, and writes its files.
    pub(super) fn conclude(
        &self,
        report: &Report,
        inputs: &Inputs,
        end: &RunEnd,
        detail: Detail,
        paths: ReportPaths<'_>,
    ) -> Result<Verdict> {
        let plan = self.plan;
        let coverage = Coverage::of(report);
        print(summary::of(report, Some(&coverage), detail, |cycle| {
            plan.replay_command(cycle)
        }));
        let verdict = self.verdict(report, end);
        let again = |_, cycle| plan.replay_command(cycle);
        let mut files = RunFiles::new(report, &verdict, plan, &again);
        files.coverage = Some(&coverage);
        files.inputs = Some(inputs);
        let diagram = |finding: &Finding, room| {
            let again = || self.diagram(finding.cycle, room);
            // Elsewhere the images may be others.
            inputs.are_here().then(again)?
        };
        files.diagram = &diagram;
        files.write(self.workspace, paths)?;
        Ok(verdict)
    }
}
