// SPDX-License-Identifier: MIT OR Apache-2.0

//! Programs of the tests that run on this host.

use std::env::consts::EXE_SUFFIX;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::workspace::{Workspace, succeeds};

/// Fast to run and fast to build again.
const PROFILE: &str = "sim";

/// Builds the simulated kernel; answers where it is.
pub(crate) fn sim(workspace: &Workspace) -> Result<PathBuf> {
    program(workspace, "sim", "sim")
}

/// Builds what stands for a kernel in a guest with Wine; answers where it is. It
/// needs nothing but the C library.
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
