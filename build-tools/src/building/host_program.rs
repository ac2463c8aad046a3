// SPDX-License-Identifier: MIT OR Apache-2.0

//! Builds the test programs of this host: the simulated kernel and `wine-guest`.

use std::env::consts::EXE_SUFFIX;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::work::Work;
use crate::workspace::Workspace;

/// Fast to run and fast to rebuild.
const PROFILE: &str = "sim";

/// Builds the simulated kernel, and returns its path.
pub(crate) fn sim(workspace: &Workspace) -> Result<PathBuf> {
    program(workspace, "the simulated kernel", "sim", "sim")
}

/// Builds `wine-guest`, which runs the stress in a guest with Wine, and returns its
/// path. It needs nothing but the C library.
pub(crate) fn wine_guest(workspace: &Workspace) -> Result<PathBuf> {
    program(workspace, "the guest's program", "wine", "wine-guest")
}

fn program(
    workspace: &Workspace,
    what: &'static str,
    package: &str,
    name: &str,
) -> Result<PathBuf> {
    let file = format!("{name}{EXE_SUFFIX}");
    let built = workspace.target().join(PROFILE).join(file);
    let work = Work {
        what,
        minutes: 2,
        is_first: !built.is_file(),
    };
    let mut cargo = workspace.cargo();
    cargo
        .args(["build", "--profile", PROFILE])
        .args(["--package", package, "--bin", name]);
    if !work.succeeds(&mut cargo)? {
        bail!("{name} does not build: correct what cargo says above");
    }
    Ok(built)
}
