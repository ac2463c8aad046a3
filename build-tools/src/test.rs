// SPDX-License-Identifier: MIT OR Apache-2.0

//! `test`: every test there is, in the order from cheap to dear.

use std::process::Command;

use anyhow::Result;

use crate::build;
use crate::outcome::Outcome;
use crate::screen::{self, say};
use crate::workspace::{Workspace, succeeds};

/// A run of `cargo test`.
struct Step {
    what: &'static str,
    arguments: &'static [&'static str],
    /// Rust flags, and so a target directory, of its own.
    flags: Option<(&'static str, &'static str)>,
}

const STEPS: [Step; 4] = [
    Step {
        what: "everything that needs no driver image",
        arguments: &[],
        flags: None,
    },
    Step {
        what: "the bindings that the drivers are built with",
        arguments: &[
            "--manifest-path",
            "build-tools/wdk-build/Cargo.toml",
            "--features",
            "mingw",
        ],
        flags: None,
    },
    Step {
        what: "the driver images in the simulated kernel",
        arguments: &["--package", "sim", "--features", "images"],
        flags: None,
    },
    Step {
        what: "every interleaving of the in-flight gate and the binding (loom)",
        arguments: &["--release", "--package", "shared-npi", "--test", "loom"],
        flags: Some(("loom", "--cfg loom")),
    },
];

pub(crate) fn run() -> Result<Outcome> {
    say("test: build the drivers");
    let built = build::run()?;
    if built != Outcome::Done {
        return Ok(built);
    }
    let workspace = Workspace::find()?;
    let mut failed = Vec::new();
    for step in &STEPS {
        say(format!("test: {}", step.what));
        if !succeeds(&mut step.command(&workspace))? {
            failed.push(step.what);
        }
    }
    if failed.is_empty() {
        say(format!("test: all {} steps passed", STEPS.len()));
        return Ok(Outcome::Done);
    }
    for what in &failed {
        screen::error(format!("{what}: failed, see above"));
    }
    say(format!(
        "test: {} of {} steps failed",
        failed.len(),
        STEPS.len()
    ));
    Ok(Outcome::Found)
}

impl Step {
    fn command(&self, workspace: &Workspace) -> Command {
        let mut cargo = workspace.cargo();
        cargo.arg("test").args(self.arguments);
        if let Some((directory, flags)) = self.flags {
            cargo
                .env("RUSTFLAGS", flags)
                .arg("--target-dir")
                .arg(workspace.target().join(directory));
        }
        cargo
    }
}
