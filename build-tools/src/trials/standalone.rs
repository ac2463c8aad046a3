// SPDX-License-Identifier: MIT OR Apache-2.0

//! A trial of drivers in other workspaces: `tests/standalone`, a driver as windows-drivers-rs
//! has them, is copied out of the checkout, built and run by the command line.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::elsewhere::Elsewhere;
use crate::workspace::Workspace;

/// The files of the driver's package.
const FILES: [&str; 4] = ["Cargo.toml", "build.rs", ".cargo/config.toml", "src/lib.rs"];

/// The driver's image, below the target directory.
const IMAGE: &str = "drivers/sample_wdm_driver.sys";

/// Builds the driver twice and runs it, in its workspace and from an empty directory.
/// Returns `true` if all is as expected; an error says what is not.
pub(crate) fn driver_is_built_and_run(workspace: &Workspace) -> Result<bool> {
    let image = workspace.target().join(IMAGE);
    let _ = fs::remove_file(&image);
    let elsewhere = Elsewhere::new(workspace)?;
    let copy = elsewhere.path().join("sample");
    for file in FILES {
        let to = copy.join(file);
        fs::create_dir_all(to.parent().context("it is in the copy")?)?;
        fs::copy(workspace.root().join("tests/standalone").join(file), to)?;
    }
    let expect = |directory: &Path, arguments: &[&str], status: i32, text: &str| {
        let ended = elsewhere.run(directory, &[&["cargo", "nmr"], arguments].concat())?;
        let printed = ended.printed();
        ensure!(
            ended.status() == Some(status) && printed.contains(text),
            "{arguments:?} ends with {:?} and not with {status} and `{text}`: {printed}",
            ended.status()
        );
        anyhow::Ok(())
    };
    expect(&copy, &["build"], 0, "built sample_wdm_driver.sys")?;
    expect(&copy, &["build"], 0, "PASS  1 image in ")?;
    ensure!(
        image.with_extension("pdb").is_file(),
        "the .pdb is not there"
    );
    let empty = elsewhere.path().join("empty");
    fs::create_dir(&empty)?;
    let path = image.display().to_string();
    expect(&empty, &["describe", &path], 0, "sample_wdm_driver")?;
    // It is no network module: there is nothing to judge.
    let nothing = "NOT TESTED  in 20 cycles sample_wdm_driver.sys registered nothing";
    let stress = ["stress", "--cycles", "20", "--seed", "1", "--driver", &path];
    expect(&empty, &stress, 1, nothing)?;
    ensure!(
        fs::read_dir(&empty)?.next().is_none(),
        "a run without a workspace leaves files"
    );
    expect(&copy, &stress[..5], 1, nothing)?;
    Ok(true)
}
