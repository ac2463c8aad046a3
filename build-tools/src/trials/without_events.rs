// SPDX-License-Identifier: MIT OR Apache-2.0

//! A trial of the drivers' feature `etw`: without it they import nothing of ETW.
//!
//! Each driver is compiled as a static library, which has what an image would import as
//! undefined symbols, so that the images with the feature stay as they are.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::building::drivers;
use crate::prerequisites::toolchain::{Compiler, TARGET};
use crate::workspace::{DRIVERS, Workspace, image};

/// The beginning of the names of all functions of ETW.
const ETW: &[u8] = b"Etw";

/// Compiles the drivers without the feature. Returns `true` if they import nothing of ETW,
/// and do with it.
pub(crate) fn nothing_is_imported(workspace: &Workspace) -> Result<bool> {
    let compiler = Compiler::find()?;
    for package in DRIVERS {
        let mut cargo = drivers::cargo(workspace, "rustc", &compiler, &[package])?;
        cargo.args([
            "--quiet",
            "--no-default-features",
            "--crate-type",
            "staticlib",
        ]);
        let output = cargo.output().context("cargo cannot be run")?;
        ensure!(
            output.status.success(),
            "{package} cannot be compiled without its feature etw: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let name = image(package);
        let library = drivers::target(workspace).join(TARGET).join("release");
        let library = library.join(name.clone() + ".lib");
        let without =
            fs::read(&library).with_context(|| format!("{} cannot be read", library.display()))?;
        fs::remove_file(&library)?;
        ensure!(
            without.len() > ETW.len() && !names_etw(&without),
            "{package} imports functions of ETW without its feature etw"
        );
        let with = fs::read(workspace.driver(&name))?;
        ensure!(names_etw(&with), "{package} imports no function of ETW");
    }
    Ok(true)
}

fn names_etw(bytes: &[u8]) -> bool {
    bytes.windows(ETW.len()).any(|name| name == ETW)
}
