// SPDX-License-Identifier: MIT OR Apache-2.0

//! The agent in a guest: runs commands and transfers files.

#[cfg(unix)]
pub(crate) mod qemu;
pub(crate) mod ssh;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};

/// The exit status and output of a command line in the guest.
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
    /// Its standard output, trimmed, if it succeeded.
    ///
    /// # Errors
    ///
    /// If it failed, with its output.
    pub(crate) fn succeeded(self, line: &str) -> Result<String> {
        if self.status != 0 {
            let text = [self.err.trim(), self.out.trim()].join(" ");
            bail!("`{line}` fails in the guest ({}): {text}", self.status);
        }
        Ok(self.out.trim().to_owned())
    }
}

/// A command line that was started and may still be running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Task(pub(crate) i64);

/// The agent in a guest. Each of its functions has a timeout.
pub(crate) trait Agent {
    /// Returns `true` if the agent answers within `patience`.
    fn answers(&mut self, patience: Duration) -> bool;

    /// Runs a command line in the guest's shell, and waits for its end.
    ///
    /// # Errors
    ///
    /// If the guest cannot run it, or it does not exit within `patience`.
    fn run(&mut self, line: &str, patience: Duration) -> Result<Output>;

    /// Starts a command line in the guest's shell.
    ///
    /// # Errors
    ///
    /// If the guest cannot run it.
    fn start(&mut self, line: &str) -> Result<Task>;

    /// The exit status of a task; `None` while it is running.
    ///
    /// # Errors
    ///
    /// If the agent does not answer.
    fn ended(&mut self, task: Task) -> Result<Option<i32>>;

    /// Copies the local file `from` to the guest's path `to`, in an existing directory.
    ///
    /// # Errors
    ///
    /// If one cannot be read or the other written.
    fn put(&mut self, from: &Path, to: &str) -> Result<()>;

    /// Appends to the local file `to` what the guest's file `from` has in addition.
    ///
    /// # Errors
    ///
    /// If one cannot be read or the other written.
    fn follow(&mut self, from: &str, to: &Path) -> Result<()>;
}
