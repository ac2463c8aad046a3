// SPDX-License-Identifier: MIT OR Apache-2.0

//! A trial of drivers in other workspaces: `tests/standalone`, a driver as windows-drivers-rs
//! has them, is copied out of the checkout, built and run by the command line.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use child::program::own_path;
use tempfile::TempDir;

use crate::workspace::Workspace;

/// The files of the driver's package.
const FILES: [&str; 4] = ["Cargo.toml", "build.rs", ".cargo/config.toml", "src/lib.rs"];

/// The driver's image, below the target directory.
const IMAGE: &str = "drivers/sample_wdm_driver.sys";

/// Builds the driver twice and runs it, in its workspace and from an empty directory.
/// Returns `true` if all is as expected; an error says what is not.
pub(crate) fn driver_is_built_and_run(workspace: &Workspace) -> Result<bool> {
    let copy = TempDir::new()?;
    let root = workspace.root();
    for file in FILES {
        let to = copy.path().join(file);
        fs::create_dir_all(to.parent().context("it is in the copy")?)?;
        fs::copy(root.join("tests/standalone").join(file), to)?;
    }
    // The versions that are here already.
    fs::copy(root.join("Cargo.lock"), copy.path().join("Cargo.lock"))?;
    let image = workspace.target().join(IMAGE);
    let run = |directory: &Path, arguments: &[&str]| {
        Command::new(own_path())
            .arg("nmr")
            .args(arguments)
            .current_dir(directory)
            .env("CARGO_TARGET_DIR", workspace.target())
            .env("CARGO_NET_OFFLINE", "true")
            .stdin(Stdio::null())
            .output()
            .context("this program cannot be run")
    };
    let expect = |directory: &Path, arguments: &[&str], status: i32, text: &str| {
        let output = run(directory, arguments)?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.code() == Some(status) && printed.contains(text),
            "{arguments:?} ends with {} and not with {status} and `{text}`: {printed}",
            output.status
        );
        anyhow::Ok(())
    };
    let _ = fs::remove_file(&image);
    expect(copy.path(), &["build"], 0, "built sample_wdm_driver.sys")?;
    expect(copy.path(), &["build"], 0, "PASS  1 image in ")?;
    ensure!(
        image.with_extension("pdb").is_file(),
        "the .pdb is not there"
    );
    let empty = TempDir::new()?;
    let path = image.display().to_string();
    expect(empty.path(), &["describe", &path], 0, "sample_wdm_driver")?;
    // It is no network module: there is nothing to judge.
    let nothing = "NOT TESTED  in 20 cycles sample_wdm_driver.sys registered nothing";
    let stress = ["stress", "--cycles", "20", "--seed", "1", "--driver", &path];
    expect(empty.path(), &stress, 1, nothing)?;
    ensure!(
        fs::read_dir(empty.path())?.next().is_none(),
        "a run without a workspace leaves files"
    );
    expect(copy.path(), &stress[..5], 1, nothing)?;
    for file in [image.with_extension("pdb"), image] {
        fs::remove_file(file)?;
    }
    Ok(true)
}
