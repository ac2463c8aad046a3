// SPDX-License-Identifier: MIT OR Apache-2.0

//! The simulated kernel as a program: its command line, its exit status, the replay line
//! that stands for a cycle, and the description of an image.

pub(crate) mod description;
mod replay_keys;
mod replay_line;
mod trace;
mod verdict;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};

use anyhow::{Context, Result, bail};
use registrar::knobs::Kernel;
use scenarios::Description;

use crate::building::host_program;
use crate::terminal::Waiting;
use crate::workspace::Workspace;
pub(crate) use replay_keys::grammar;
pub(crate) use replay_line::{ImageSource, ReplayLine};
pub(crate) use trace::{Traced, trace};
pub(crate) use verdict::verdict;

/// The kernel by which other drivers than those built here are judged.
pub(crate) const OTHERS: Kernel = Kernel::Windows;

/// The program.
#[derive(Clone, Debug)]
pub(crate) struct Simulator(PathBuf);

impl Simulator {
    /// Builds it.
    pub(crate) fn build(workspace: &Workspace) -> Result<Self> {
        host_program::sim(workspace).map(Self)
    }

    /// A command that runs these two images.
    pub(crate) fn command(&self, provider: &Path, client: &Path) -> Command {
        let mut command = Command::new(&self.0);
        command.arg("--provider").arg(provider);
        command.arg("--client").arg(client);
        command
    }

    /// Describes an image.
    pub(crate) fn describe(&self, image: &Path) -> Result<Description> {
        let mut command = Command::new(&self.0);
        let waiting = Waiting::on("running the driver alone");
        let output = output(command.arg("--describe").arg(image))?;
        drop(waiting);
        let errors = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            // With a description: the status is that of the dry run.
            Some(0..=2) if !output.stdout.is_empty() => serde_json::from_slice(&output.stdout)
                .context("the simulated kernel printed an invalid description"),
            Some(_) => bail!("{}", error_of(&errors)),
            None => bail!(died(output.status)),
        }
    }
}

impl Simulator {
    /// A command that runs these drivers, in the roles that they register.
    pub(crate) fn command_with(&self, drivers: &[PathBuf]) -> Command {
        let mut command = Command::new(&self.0);
        for driver in drivers {
            command.arg("--driver").arg(driver);
        }
        command
    }
}

/// Adds the pair's KMDF drivers, and those in C, to a command that runs its WDM drivers.
pub(crate) fn add_alternatives(command: &mut Command, workspace: &Workspace) {
    let interop = workspace.interop();
    for (option, image) in [
        ("--wdf-provider", workspace.driver("provider_wdf")),
        ("--wdf-client", workspace.driver("client_wdf")),
        ("--c-provider", interop.join("echo_provider.sys")),
        ("--c-client", interop.join("echo_client.sys")),
    ] {
        command.arg(option).arg(image);
    }
}

/// Runs `command` and returns its output.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    command.output().with_context(cannot_run)
}

/// The message if the program cannot be started.
pub(crate) fn cannot_run() -> &'static str {
    "the simulated kernel cannot be run: see that it may be executed"
}

/// The message if the program ended without a verdict.
pub(crate) fn died(status: ExitStatus) -> String {
    format!("the simulated kernel died ({status})")
}

/// The error that the program printed, without its prefix.
pub(crate) fn error_of(stderr: &str) -> &str {
    stderr.trim().trim_start_matches("error: ")
}
