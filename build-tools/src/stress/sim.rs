// SPDX-License-Identifier: MIT OR Apache-2.0

//! The stress in the simulated kernel: worker processes share the cycles.
//!
//! A cycle depends on the seed and its number only. The number of workers therefore
//! changes the time, not the result.

mod workers;

use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};
use scenarios::{Coverage, Report};
use serde::Deserialize;

use super::page_file::PageFile;
use super::report_file::{ReportFile, ReportPaths};
use super::{Job, StressPlan, not_tested, summary};
use crate::simulator::{self, Simulator};
use crate::terminal::{self, Outcome, print};
use crate::workspace::Workspace;
use workers::WorkerEnd;

/// A plan and the simulated kernel that runs it.
pub(crate) struct SimulatedRun<'a> {
    workspace: &'a Workspace,
    plan: &'a StressPlan,
    simulator: &'a Simulator,
}

impl<'a> SimulatedRun<'a> {
    pub(crate) const fn new(
        workspace: &'a Workspace,
        plan: &'a StressPlan,
        simulator: &'a Simulator,
    ) -> Self {
        Self {
            workspace,
            plan,
            simulator,
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
            simulator::add_framework_drivers(&mut command, self.workspace);
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
        let output = simulator::output(self.command(one).arg("--size"))?;
        let Ok(Size { size }) = serde_json::from_slice(&output.stdout) else {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!("{}", simulator::error_of(&errors));
        };
        Ok(size)
    }

    /// Runs all cycles in one process and prints every event.
    pub(crate) fn trace(&self) -> Result<Outcome> {
        simulator::trace(&mut self.command(self.plan.whole()))
    }

    /// Runs the plan in `jobs` worker processes.
    pub(crate) fn stress(
        &self,
        jobs: u64,
        verbose: bool,
        paths: ReportPaths<'_>,
    ) -> Result<Outcome> {
        let plan = self.plan;
        let started = Instant::now();
        let mut report = Report::new("sim", plan.seed, plan.cycles);
        let mut deaths = Vec::new();
        for end in workers::run(self, &plan.jobs(jobs))? {
            match end {
                WorkerEnd::Reported(part) => report.merge(*part),
                WorkerEnd::Refused(why) => bail!(why),
                WorkerEnd::Died(how) => deaths.push(how),
            }
        }
        report.took(started.elapsed());
        let coverage = Coverage::of(&report);
        print(summary::of(&report, Some(&coverage), |cycle| {
            plan.replay_command(cycle)
        }));
        if verbose {
            print(summary::details(&coverage));
        }
        for how in &deaths {
            terminal::error(how);
        }
        let not_tested = not_tested::reason(&report, plan);
        if let Some(line) = &not_tested {
            terminal::error(line);
        }
        let mut file = ReportFile::new(&report);
        file.coverage = Some(&coverage);
        file.write(paths.json)?;
        let again = |cycle| plan.replay_command(cycle);
        let mut page = PageFile::new(&report, plan, &again);
        page.coverage = Some(&coverage);
        page.not_tested = not_tested.as_deref();
        page.write(self.workspace, paths.html)?;
        let wrong = !report.findings.is_empty() || !deaths.is_empty();
        if !wrong && !report.unsupported.is_empty() {
            return Ok(Outcome::Unsupported);
        }
        let passed = report.is_clean() && !wrong && not_tested.is_none();
        Ok(Outcome::passed_if(passed))
    }
}
