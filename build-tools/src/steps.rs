// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs of cargo, one after the other: all of them, so that one failure does
//! not hide the next.

use std::process::Command;

use anyhow::Result;

use crate::outcome::Outcome;
use crate::screen::{self, say};
use crate::workspace::{Workspace, succeeds};

/// A run of cargo.
pub(crate) struct Step {
    /// What it is about.
    pub(crate) what: &'static str,
    /// The subcommand and its arguments.
    pub(crate) arguments: &'static [&'static str],
    /// A variable of the environment.
    pub(crate) variable: Option<(&'static str, &'static str)>,
    /// A target directory of its own, for other flags than the usual ones.
    pub(crate) directory: Option<&'static str>,
}

impl Step {
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

/// Steps of `name` that have run.
pub(crate) struct Steps {
    name: &'static str,
    run: usize,
    failed: Vec<&'static str>,
}

impl Steps {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self {
            name,
            run: 0,
            failed: Vec::new(),
        }
    }

    /// Runs `steps`.
    pub(crate) fn run(&mut self, workspace: &Workspace, steps: &[Step]) -> Result<()> {
        steps
            .iter()
            .try_for_each(|step| self.one(step.what, || succeeds(&mut step.command(workspace))))
    }

    /// Runs a step that answers whether it succeeded.
    pub(crate) fn one(
        &mut self,
        what: &'static str,
        step: impl FnOnce() -> Result<bool>,
    ) -> Result<()> {
        say(format!("{}: {what}", self.name));
        self.run += 1;
        if !step()? {
            self.failed.push(what);
        }
        Ok(())
    }

    /// Says how it went.
    pub(crate) fn finish(self) -> Outcome {
        let Self { name, run, failed } = self;
        if failed.is_empty() {
            say(format!("{name}: passed, {run} of {run} steps"));
            return Outcome::Done;
        }
        for what in &failed {
            screen::error(format!("{what}: failed, see above"));
        }
        say(format!("{name}: failed, {} of {run} steps", failed.len()));
        Outcome::Found
    }
}
