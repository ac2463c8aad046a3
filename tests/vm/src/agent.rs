// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whoever acts in a guest for us.

#[cfg(unix)]
pub(crate) mod qemu;
pub(crate) mod ssh;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

/// What a line of the guest's shell has said, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    /// Its exit status.
    pub(crate) status: i32,
    /// Its standard output.
    pub(crate) out: String,
    /// Its standard error.
    pub(crate) err: String,
}

impl Output {
    /// What it printed, if it succeeded.
    ///
    /// # Errors
    ///
    /// What it said, if it failed.
    pub(crate) fn succeeded(self, line: &str) -> Result<String> {
        if self.status != 0 {
            let said = [self.err.trim(), self.out.trim()].join(" ");
            bail!("`{line}` fails in the guest ({}): {said}", self.status);
        }
        Ok(self.out.trim().to_owned())
    }
}

/// A line that was started and may still run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Task(pub(crate) i64);

/// Whoever acts in a guest for us. None of its functions waits for ever.
pub(crate) trait Agent {
    /// Whether it answers within `patience`.
    fn answers(&mut self, patience: Duration) -> bool;

    /// Runs a line of the guest's shell to its end.
    ///
    /// # Errors
    ///
    /// If the guest cannot run it, or it does not end within `patience`.
    fn run(&mut self, line: &str, patience: Duration) -> Result<Output>;

    /// Starts a line of the guest's shell.
    ///
    /// # Errors
    ///
    /// If the guest cannot run it.
    fn start(&mut self, line: &str) -> Result<Task>;

    /// How it ended, if it has.
    ///
    /// # Errors
    ///
    /// If the agent does not answer.
    fn ended(&mut self, task: Task) -> Result<Option<i32>>;

    /// Copies `from` to the guest's `to`, in a directory that is there.
    ///
    /// # Errors
    ///
    /// If it cannot be read here or written there.
    fn put(&mut self, from: &Path, to: &str) -> Result<()>;

    /// Brings `to`, a part of the guest's `from` from its beginning, up to date.
    ///
    /// # Errors
    ///
    /// If it cannot be read there or written here.
    fn follow(&mut self, from: &str, to: &Path) -> Result<()>;
}
