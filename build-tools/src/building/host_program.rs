// SPDX-License-Identifier: MIT OR Apache-2.0

//! Builds the test programs of this host: the simulated kernel and `wine-guest`.

use std::env::consts::EXE_SUFFIX;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::workspace::{Workspace, succeeds};

/// Fast to run and fast to rebuild.
const PROFILE: &str = "sim";

/// Builds the simulated kernel, and returns its path.
pub(crate) fn sim(workspace: &Workspace) -> Result<PathBuf> {
    program(workspace, "sim", "sim")
}

/// Builds `wine-guest`, which runs the stress in a guest with Wine, and returns its
/// path. It needs nothing but the C library.
pub(crate) fn wine_guest(workspace: &Workspace) -> Result<PathBuf> {
    program(workspace, "wine", "wine-guest")
}

fn program(workspace: &Workspace, package: &str, name: &str) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo
        .args(["build", "--quiet", "--profile", PROFILE])
        .args(["--package", package, "--bin", name]);
    if !succeeds(&mut cargo)? {
        bail!("{name} does not build: correct what cargo says above");
    }
    let file = format!("{name}{EXE_SUFFIX}");
    Ok(workspace.target().join(PROFILE).join(file))
}
