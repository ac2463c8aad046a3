// SPDX-License-Identifier: MIT OR Apache-2.0

//! The simulated kernel, which this program contains and runs as a process: its command
//! line, its exit status, the replay line of a cycle, and the description of an image.

pub(crate) mod description;
pub(crate) mod program;
mod replay_keys;
mod replay_line;
mod trace;
mod verdict;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};

use anyhow::{Context, Result, bail};
use registrar::knobs::Kernel;
use scenarios::{Description, Mutant};

use crate::terminal::Waiting;
use crate::workspace::Workspace;
pub(crate) use replay_keys::{answers, faults, grammar, races, strategy};
pub(crate) use replay_line::{ImageSource, ReplayLine};
pub(crate) use trace::{Traced, trace};
pub(crate) use verdict::verdict;

/// The kernel by which other drivers than those built here are judged.
pub(crate) const OTHERS: Kernel = Kernel::Windows;

/// The simulated kernel, with the descriptions of the NPIs that the workspace has.
#[derive(Clone, Debug)]
pub(crate) struct Simulator {
    descriptions: Vec<PathBuf>,
}

impl Simulator {
    pub(crate) fn new(workspace: &Workspace) -> Self {
        Self {
            descriptions: workspace.descriptions().to_vec(),
        }
    }

    /// A command that does this with `images`.
    fn run<'a>(&self, images: impl IntoIterator<Item = (&'a str, &'a Path)>) -> Command {
        let mut command = program::command();
        for (option, image) in images {
            command.arg(option).arg(image);
        }
        for description in &self.descriptions {
            command.arg("--npi").arg(description);
        }
        command
    }

    /// A command that runs these two images.
    pub(crate) fn command(&self, provider: &Path, client: &Path) -> Command {
        self.run([("--provider", provider), ("--client", client)])
    }

    /// A command that runs these drivers, in the roles that they register.
    pub(crate) fn command_with(&self, drivers: &[PathBuf]) -> Command {
        self.run(drivers.iter().map(|driver| ("--driver", driver.as_path())))
    }

    /// The mutants of an image.
    pub(crate) fn mutants(&self, image: &Path) -> Result<Vec<Mutant>> {
        let output = output(&mut self.run([("--mutants", image)]))?;
        if !output.status.success() {
            bail!("{}", error_of(&String::from_utf8_lossy(&output.stderr)));
        }
        let mutants = serde_json::Deserializer::from_slice(&output.stdout).into_iter();
        let mutants = mutants.collect::<Result<_, _>>();
        mutants.context("the simulated kernel printed an invalid mutant")
    }

    /// Describes an image, with more descriptions of NPIs.
    pub(crate) fn describe(&self, image: &Path, npis: &[PathBuf]) -> Result<Description> {
        let npis = npis.iter().map(|file| ("--npi", file.as_path()));
        let mut command = self.run([("--describe", image)].into_iter().chain(npis));
        let waiting = Waiting::on("running the driver alone");
        let output = output(&mut command)?;
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

/// The pair's KMDF drivers, and those in C, by their roles.
pub(crate) fn alternatives(workspace: &Workspace) -> [(&'static str, PathBuf); 4] {
    let interop = workspace.interop();
    [
        ("wdf-provider", workspace.driver("provider_wdf")),
        ("wdf-client", workspace.driver("client_wdf")),
        ("c-provider", interop.join("echo_provider.sys")),
        ("c-client", interop.join("echo_client.sys")),
    ]
}

/// Adds [`alternatives`] to a command that runs the pair's WDM drivers.
pub(crate) fn add_alternatives(command: &mut Command, workspace: &Workspace) {
    for (role, image) in alternatives(workspace) {
        command.arg(format!("--{role}")).arg(image);
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
