// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where things are.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;

/// The drivers' packages: for WDM, and for the driver framework.
pub(crate) const DRIVERS: [&str; 4] = ["provider", "client", "provider-wdf", "client-wdf"];

/// The packages of the two drivers of the example in `tests/keyvalue`.
pub(crate) const EXAMPLE: [&str; 2] = ["keyvalue-provider", "keyvalue-client"];

/// The name of a driver's image, without what follows the dot.
pub(crate) fn image(package: &str) -> String {
    package.replace('-', "_")
}

/// This workspace and its target directory.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// The workspace that this program was built from.
    pub(crate) fn find() -> Result<Self> {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let metadata = MetadataCommand::new()
            .manifest_path(manifest)
            .no_deps()
            .exec()
            .with_context(|| format!("{manifest} cannot be read: run cargo xtask in its clone"))?;
        Ok(Self {
            root: metadata.workspace_root.into_std_path_buf(),
            target: metadata.target_directory.into_std_path_buf(),
        })
    }

    /// One in another place.
    pub(crate) const fn at(root: PathBuf, target: PathBuf) -> Self {
        Self { root, target }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The directory for what is built, as cargo sees it.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Where the drivers' images and their .pdb are put.
    pub(crate) fn drivers(&self) -> PathBuf {
        self.target.join("drivers")
    }

    /// Where the images of the example and their .pdb are put.
    pub(crate) fn example(&self) -> PathBuf {
        self.target.join("keyvalue")
    }

    /// A cargo that works on this workspace.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(cargo());
        command.current_dir(&self.root);
        command
    }
}

/// The cargo that runs this program, else the one on the search path.
pub(crate) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Runs `command` with the user's terminal; whether it succeeded.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    let status = command.status().with_context(|| cannot_run(command))?;
    Ok(status.success())
}

/// Runs `command` and answers what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| cannot_run(command))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let program = command.get_program().to_string_lossy();
        bail!("{program} ended with {}: {}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn cannot_run(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    format!("{program} cannot be run: see `cargo xtask doctor`")
}
