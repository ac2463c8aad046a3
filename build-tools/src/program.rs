// SPDX-License-Identifier: MIT OR Apache-2.0

//! `nmr-stress.exe`: the program that stresses the pair on a running kernel.
//!
//! On Windows the toolchain in use builds it. Elsewhere it is linked by
//! mingw-w64, and needs the standard library for that; the same tree gives the
//! same program, wherever it is built.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::build;
use crate::screen;
use crate::toolchain::{Compiler, PROGRAM_TARGET};
use crate::workspace::{Workspace, succeeds};

/// The package, and the program.
pub(crate) const NAME: &str = "nmr-stress";

/// As the simulated kernel is built, but that Windows programs do not unwind.
const PROFILE: &str = "sim";

/// What differs from the profile: nothing of the place or the time of the build,
/// nor of earlier builds, goes into the program.
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

/// Builds it; answers where it is, or `None` if it does not build.
pub(crate) fn build(workspace: &Workspace) -> Result<Option<PathBuf>> {
    let mut cargo = cargo(workspace, "build", &Compiler::find_for_programs()?)?;
    if !succeeds(&mut cargo)? {
        screen::error(format!(
            "{NAME} cannot be built: correct what cargo says above"
        ));
        return Ok(None);
    }
    let target = target(workspace);
    build::keep_lock(workspace, &target)?;
    let built = target.join(PROGRAM_TARGET).join(PROFILE);
    Ok(Some(built.join(NAME).with_extension("exe")))
}

/// A cargo that runs `subcommand` on it; every part must be there.
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
    build::without_foreign_settings(&mut cargo);
    compiler.apply(&mut cargo);
    if !cfg!(windows) {
        cargo
            .arg("-Ztrim-paths")
            .args(SETTINGS.map(|setting| format!("--config={setting}")))
            .env(
                "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER",
                driver_parts::program_linker()?,
            )
            .env(
                "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS",
                "-Clink-arg=-Wl,--no-insert-timestamp",
            );
        build::with_own_lock(&mut cargo, workspace, &target)?;
    }
    Ok(cargo)
}
