// SPDX-License-Identifier: MIT OR Apache-2.0

//! `lint`: checks formatting, lints, documents and dependencies. The drivers are checked by the
//! compiler and for the target of their build.

mod deny;
mod documents;
mod licences;
mod unsafe_blocks;

use anyhow::Result;
use clap::Args;

use crate::building::{drivers, unused_patch, windows_program};
use crate::prerequisites::toolchain::Compiler;
use crate::prerequisites::{self, Purpose};
use crate::terminal::{Outcome, Verdict};
use crate::workspace::checklist::{Check, Checklist};
use crate::workspace::{DRIVERS, EXAMPLE, Workspace, succeeds};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Fail if cargo-deny is not installed, rather than say that it did not run.
    #[arg(long)]
    require_deny: bool,
}

const CHECKS: &[Check] = &[
    Check {
        what: "formatting",
        arguments: &["fmt", "--all", "--check"],
        variable: None,
        directory: None,
    },
    Check {
        what: "lints of all that runs on this host",
        arguments: &[
            "clippy",
            "--profile",
            "tools",
            "--all-targets",
            "--features",
            "vm/sshd",
        ],
        variable: None,
        directory: None,
    },
    Check {
        what: "lints of the tests that need images",
        arguments: &["clippy", "--profile", "tools", "--test", "images"],
        variable: None,
        directory: None,
    },
    Check {
        what: "lints of the model checks",
        arguments: &["clippy", "--release", "--package", "nmr", "--test", "loom"],
        variable: Some(("RUSTFLAGS", "--cfg loom")),
        directory: Some("loom"),
    },
    Check {
        what: "documentation",
        arguments: &["doc", "--profile", "tools", "--no-deps"],
        variable: Some(("RUSTDOCFLAGS", "--deny warnings")),
        directory: None,
    },
];

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    match prerequisites::ensure(Purpose::Wine)? {
        Outcome::Done => {}
        other => return Ok(other.into()),
    }
    let workspace = Workspace::checkout()?;
    let mut checklist = Checklist::new("lint");
    checklist.run_all(&workspace, CHECKS)?;
    checklist.run("links, quotations and commands of the documents", || {
        documents::pass(&workspace)
    })?;
    checklist.run("licences and sources of the dependencies", || {
        licences::are_allowed(&workspace)
    })?;
    checklist.run("cargo-deny", || {
        deny::passes(&workspace, arguments.require_deny)
    })?;
    checklist.run("unsafe blocks of the drivers and their library", || {
        unsafe_blocks::within_limits(&workspace)
    })?;
    checklist.run("lints of the drivers", || drivers_pass(&workspace))?;
    checklist.run("lints of what runs on Windows", || {
        programs_pass(&workspace)
    })?;
    Ok(checklist.finish())
}

fn drivers_pass(workspace: &Workspace) -> Result<bool> {
    let compiler = Compiler::find()?;
    let packages = [&DRIVERS[..], &EXAMPLE, &wine::IMAGES].concat();
    let mut cargo = drivers::cargo(workspace, "check", &compiler, &packages)?;
    cargo.env("RUSTC_WORKSPACE_WRAPPER", compiler.clippy()?);
    if !unused_patch::succeeds_without_its_warning(&mut cargo)? {
        return Ok(false);
    }
    // The drivers on the first pages of their documentation.
    let mut cargo = drivers::cargo(workspace, "test", &compiler, &["wdm", "kmdf"])?;
    cargo.arg("--doc");
    cargo.env("RUSTDOCFLAGS", "-Cpanic=abort");
    unused_patch::succeeds_without_its_warning(&mut cargo)
}

fn programs_pass(workspace: &Workspace) -> Result<bool> {
    let compiler = Compiler::find_for_programs()?;
    let mut cargo = windows_program::cargo(workspace, "check", &compiler)?;
    // What a build at the root compiles there; no other check does.
    for package in ["build-tools", "sim", "keyvalue", "line-buffer"] {
        cargo.args(["--package", package]);
    }
    cargo.env("RUSTC_WORKSPACE_WRAPPER", compiler.clippy()?);
    succeeds(&mut cargo)
}
