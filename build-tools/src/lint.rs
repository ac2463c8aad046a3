// SPDX-License-Identifier: MIT OR Apache-2.0

//! `lint`: formatting, lints and documentation. The drivers are linted by the
//! compiler that builds them, for the target they are built for.

use anyhow::Result;

use crate::outcome::Outcome;
use crate::parts::Purpose;
use crate::steps::{Step, Steps};
use crate::toolchain::Compiler;
use crate::workspace::{DRIVERS, EXAMPLE, Workspace, succeeds};
use crate::{build, program, setup, unsafe_blocks, unused_patch};

const STEPS: [Step; 4] = [
    Step {
        what: "formatting",
        arguments: &["fmt", "--all", "--check"],
        variable: None,
        directory: None,
    },
    Step {
        what: "lints of all that runs on this host",
        arguments: &[
            "clippy",
            "--all-targets",
            "--features",
            "sim/images,vm/sshd",
        ],
        variable: None,
        directory: None,
    },
    Step {
        what: "lints of the model checks",
        arguments: &["clippy", "--release", "--package", "nmr", "--test", "loom"],
        variable: Some(("RUSTFLAGS", "--cfg loom")),
        directory: Some("loom"),
    },
    Step {
        what: "documentation",
        arguments: &["doc", "--no-deps"],
        variable: Some(("RUSTDOCFLAGS", "--deny warnings")),
        directory: None,
    },
];

pub(crate) fn run() -> Result<Outcome> {
    match setup::ensure(Purpose::Wine)? {
        Outcome::Done => {}
        other => return Ok(other),
    }
    let workspace = Workspace::find()?;
    let mut steps = Steps::new("lint");
    steps.run(&workspace, &STEPS)?;
    steps.one("unsafe blocks of the drivers and their library", || {
        unsafe_blocks::within_limits(&workspace)
    })?;
    steps.one("lints of the drivers", || drivers(&workspace))?;
    steps.one("lints of what runs on Windows", || programs(&workspace))?;
    Ok(steps.finish())
}

fn drivers(workspace: &Workspace) -> Result<bool> {
    let compiler = Compiler::find()?;
    let packages = [&DRIVERS[..], &EXAMPLE, &wine::IMAGES].concat();
    let mut cargo = build::cargo(workspace, "check", &compiler, &packages)?;
    cargo.env("RUSTC_WORKSPACE_WRAPPER", compiler.clippy()?);
    if !unused_patch::succeeds_without_its_warning(&mut cargo)? {
        return Ok(false);
    }
    // The drivers on the first pages of their documentation.
    let mut cargo = build::cargo(workspace, "test", &compiler, &["wdm", "kmdf"])?;
    cargo.arg("--doc");
    cargo.env("RUSTDOCFLAGS", "-Cpanic=abort");
    unused_patch::succeeds_without_its_warning(&mut cargo)
}

fn programs(workspace: &Workspace) -> Result<bool> {
    let compiler = Compiler::find_for_programs()?;
    let mut cargo = program::cargo(workspace, "check", &compiler)?;
    // These tools run there, too, which nobody here would see fail.
    cargo.args(["--package", "build-tools"]);
    cargo.env("RUSTC_WORKSPACE_WRAPPER", compiler.clippy()?);
    succeeds(&mut cargo)
}
