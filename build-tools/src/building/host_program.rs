// SPDX-License-Identifier: MIT OR Apache-2.0

//! Builds `wine-guest`, which runs the stress in a guest with Wine.

use std::env::consts::EXE_SUFFIX;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::work::Work;
use crate::workspace::Workspace;

/// Fast to run and fast to rebuild.
const PROFILE: &str = "sim";

const NAME: &str = "wine-guest";

/// Builds the program, and returns its path. It needs nothing but the C library.
pub(crate) fn wine_guest(workspace: &Workspace) -> Result<PathBuf> {
    let file = format!("{NAME}{EXE_SUFFIX}");
    let built = workspace.target().join(PROFILE).join(file);
    let work = Work {
        what: "the guest's program",
        minutes: 2,
        is_first: !built.is_file(),
    };
    let mut cargo = workspace.cargo();
    cargo
        .args(["build", "--profile", PROFILE])
        .args(["--package", "wine", "--bin", NAME]);
    if !work.succeeds(&mut cargo)? {
        bail!("{NAME} does not build: correct what cargo says above");
    }
    Ok(built)
}
