// SPDX-License-Identifier: MIT OR Apache-2.0

//! `test`: every test there is, in the order from cheap to dear.

use anyhow::Result;

use crate::outcome::Outcome;
use crate::parts::Purpose;
use crate::screen::say;
use crate::steps::{Step, Steps};
use crate::workspace::Workspace;
use crate::{build, setup};

const STEPS: [Step; 4] = [
    Step {
        what: "everything that needs no driver image",
        arguments: &["test"],
        variable: None,
        directory: None,
    },
    Step {
        what: "the bindings that the drivers are built with",
        arguments: &[
            "test",
            "--manifest-path",
            "build-tools/wdk-build/Cargo.toml",
            "--features",
            "mingw",
        ],
        variable: None,
        directory: None,
    },
    Step {
        what: "the driver images in the simulated kernel",
        arguments: &["test", "--package", "sim", "--features", "images"],
        variable: None,
        directory: None,
    },
    Step {
        what: "every interleaving of the in-flight gate and the binding (loom)",
        arguments: &[
            "test",
            "--release",
            "--package",
            "shared-npi",
            "--test",
            "loom",
        ],
        variable: Some(("RUSTFLAGS", "--cfg loom")),
        directory: Some("loom"),
    },
];

pub(crate) fn run() -> Result<Outcome> {
    match setup::ensure(Purpose::Check)? {
        Outcome::Done => {}
        other => return Ok(other),
    }
    say("test: build the drivers");
    let built = build::run()?;
    if built != Outcome::Done {
        return Ok(built);
    }
    let mut steps = Steps::new("test");
    steps.run(&Workspace::find()?, &STEPS)?;
    Ok(steps.finish())
}
