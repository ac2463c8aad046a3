// SPDX-License-Identifier: MIT OR Apache-2.0

//! A list of checks: all are run, so that one failure does not hide the next.

use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use super::{Workspace, succeeds};
use crate::terminal::{self, Verdict, begin_step, count, print, time};

/// A check that is one run of cargo.
pub(crate) struct Check {
    /// The heading under which it is reported.
    pub(crate) what: &'static str,
    /// Cargo's subcommand and its arguments.
    pub(crate) arguments: &'static [&'static str],
    /// An environment variable to set.
    pub(crate) variable: Option<(&'static str, &'static str)>,
    /// A separate target directory, if compiler flags differ from the usual ones.
    pub(crate) directory: Option<&'static str>,
}

impl Check {
    fn command(&self, workspace: &Workspace) -> Command {
        let mut cargo = workspace.cargo();
        cargo.args(self.arguments);
        cargo.envs(self.variable);
        if let Some(directory) = self.directory {
            cargo.env("CARGO_TARGET_DIR", workspace.target().join(directory));
        }
        cargo
    }
}

/// The checks of the command `name` that have run.
pub(crate) struct Checklist {
    name: &'static str,
    run: u64,
    started: Instant,
    failed: Vec<&'static str>,
}

impl Checklist {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            run: 0,
            started: Instant::now(),
            failed: Vec::new(),
        }
    }

    /// Runs the checks of a table.
    pub(crate) fn run_all(&mut self, workspace: &Workspace, checks: &[Check]) -> Result<()> {
        checks
            .iter()
            .try_for_each(|check| self.run(check.what, || succeeds(&mut check.command(workspace))))
    }

    /// Runs a check that returns `true` if it passed.
    pub(crate) fn run(
        &mut self,
        what: &'static str,
        check: impl FnOnce() -> Result<bool>,
    ) -> Result<()> {
        print(format!("{}: {what}", self.name));
        begin_step(&format!("running the step \"{what}\""));
        let started = Instant::now();
        self.run += 1;
        let passed = check()?;
        print(format!(
            "{}: {what}: {} in {}",
            self.name,
            if passed { "passed" } else { "FAILED" },
            time(started.elapsed())
        ));
        if !passed {
            self.failed.push(what);
        }
        Ok(())
    }

    /// The verdict on all checks.
    pub(crate) fn finish(self) -> Verdict {
        let Self {
            run,
            failed,
            started,
            ..
        } = self;
        let steps = count(run, "step", "steps");
        let took = time(started.elapsed());
        if failed.is_empty() {
            return Verdict::pass(format!("{steps} in {took}"));
        }
        for what in &failed {
            terminal::error(format!("{what}: failed, see above"));
        }
        let all = failed.join("; ");
        Verdict::fail(format!("{} of {steps} in {took}: {all}", failed.len()))
    }
}
