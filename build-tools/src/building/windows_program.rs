// SPDX-License-Identifier: MIT OR Apache-2.0

//! Builds `nmr-stress.exe`, the program that stresses the pair on a running kernel.
//!
//! On Windows the active toolchain builds it. On other hosts mingw-w64 links it, with
//! a standard library built from source; the same tree gives the same program on
//! every host.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::cargo_settings;
use super::work::Work;
use crate::prerequisites::toolchain::{Compiler, PROGRAM_TARGET};
use crate::terminal;
use crate::workspace::Workspace;

/// The name of the package and of the program.
pub(crate) const NAME: &str = "nmr-stress";

/// The profile of the simulated kernel; [`SETTINGS`] change it for Windows.
const PROFILE: &str = "sim";

/// Changes to the profile: no unwinding, and nothing of the build's directory, time or
/// earlier builds goes into the program.
const SETTINGS: [&str; 4] = [
    "profile.sim.panic=\"abort\"",
    "profile.sim.incremental=false",
    "profile.sim.strip=\"symbols\"",
    "profile.sim.trim-paths=\"all\"",
];

fn target(workspace: &Workspace) -> PathBuf {
    if cfg!(windows) {
        workspace.target().to_path_buf()
    } else {
        workspace.target().join("linux-programs")
    }
}

/// Builds the program, and returns its path.
pub(crate) fn build(workspace: &Workspace) -> Result<Option<PathBuf>> {
    let mut cargo = cargo(workspace, "build", &Compiler::find_for_programs()?)?;
    let target = target(workspace);
    let built = target.join(PROGRAM_TARGET).join(PROFILE);
    let work = Work {
        what: "the program for Windows",
        minutes: 3,
        is_first: !built.is_dir(),
    };
    if !work.succeeds(&mut cargo)? {
        terminal::error(format!(
            "{NAME} cannot be built: correct what cargo says above"
        ));
        return Ok(None);
    }
    cargo_settings::keep_lock(workspace, &target)?;
    Ok(Some(built.join(NAME).with_extension("exe")))
}

/// A cargo command that runs `subcommand` on the program's package.
pub(crate) fn cargo(
    workspace: &Workspace,
    subcommand: &str,
    compiler: &Compiler,
) -> Result<Command> {
    let target = target(workspace);
    let mut cargo = workspace.cargo();
    cargo
        .args([subcommand, "--profile", PROFILE, "--package", NAME])
        .arg("--target-dir")
        .arg(&target);
    cargo_settings::ignore_environment(&mut cargo);
    compiler.apply(&mut cargo);
    if !cfg!(windows) {
        cargo
            .arg("-Ztrim-paths")
            .args(SETTINGS.map(|setting| format!("--config={setting}")))
            .env(
                "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER",
                driver_prerequisites::program_linker()?,
            )
            .env(
                "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS",
                "-Clink-arg=-Wl,--no-insert-timestamp",
            );
        cargo_settings::use_own_lock(&mut cargo, workspace, &target)?;
    }
    Ok(cargo)
}
