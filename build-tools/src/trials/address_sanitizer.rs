// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs the tests of the layer for NMR modules under `AddressSanitizer`, if this toolchain
//! has its runtime: rustup's for Linux has, Debian's has not.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::terminal::print;
use crate::workspace::{Workspace, output, succeeds};

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Runs the tests. Returns `true` if they pass, and if there is no runtime, which it
/// prints.
pub(crate) fn passes(workspace: &Workspace) -> Result<bool> {
    if !has_runtime()? {
        print(format!(
            "no AddressSanitizer runtime for {TARGET} in this toolchain: the tests are not run under it"
        ));
        return Ok(true);
    }
    let mut cargo = workspace.cargo();
    cargo
        .args(["test", "--package", "registrar", "--package", "nmr"])
        .args([
            "--test",
            "safe_layer",
            "--test",
            "layouts",
            "--test",
            "peer_memory",
        ])
        .args(["--lib", "--target", TARGET])
        .env("CARGO_TARGET_DIR", workspace.target().join("asan"))
        // The flag is unstable, the sanitizer is not.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=address")
        // Some tests give modules to `mem::forget`.
        .env("ASAN_OPTIONS", "detect_leaks=0");
    succeeds(&mut cargo)
}

/// Returns `true` if the toolchain in use has the sanitizer's runtime.
fn has_runtime() -> Result<bool> {
    let arguments = ["--print", "target-libdir", "--target", TARGET];
    let libraries = output(Command::new("rustc").args(arguments))?;
    let Ok(files) = Path::new(&libraries).read_dir() else {
        return Ok(false);
    };
    Ok(files
        .flatten()
        .any(|file| file.file_name().to_string_lossy().ends_with("rt.asan.a")))
}
