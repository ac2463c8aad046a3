// SPDX-License-Identifier: MIT OR Apache-2.0

//! `test`: every test there is, in the order from cheap to dear, or one suite.

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::outcome::Outcome;
use crate::parts::Purpose;
use crate::screen::say;
use crate::steps::{Step, Steps};
use crate::workspace::Workspace;
use crate::{
    address_sanitizer, agreement, build, package, rehearsal, setup, statements, stress, wine_guest,
    zoo,
};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Which tests; all unless given.
    suite: Option<Suite>,

    /// With `registrar`: print the documented statements and the test of each.
    #[arg(long, requires = "suite")]
    list: bool,
}

/// Tests that are run by themselves.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// The registrar: what is documented of NMR, its rules, its races.
    Registrar,
    /// The driver images in the simulated kernel.
    Sim,
    /// Each known defect of the zoo.
    Zoo,
    /// The driver images and defects of the zoo under Wine, and what it and the
    /// simulated kernel agree on.
    Wine,
    /// Packages: no byte can change unnoticed, and the same tree gives the same
    /// bytes, in another directory, too.
    Package,
    /// A machine: clean runs, a driver that crashes its kernel, a guest that hangs.
    Vm,
    /// Every interleaving of the in-flight gate and the binding.
    Loom,
}

const HOST: Step = Step {
    what: "everything that needs no driver image",
    arguments: &["test"],
    variable: None,
    directory: None,
};

const REGISTRAR: Step = Step {
    what: "the registrar",
    arguments: &["test", "--package", "registrar"],
    variable: None,
    directory: None,
};

const BINDINGS: Step = Step {
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
};

const SIM: Step = Step {
    what: "the driver images in the simulated kernel",
    arguments: &["test", "--package", "sim", "--features", "images"],
    variable: None,
    directory: None,
};

const MACHINES: Step = Step {
    what: "machines that are reached by SSH, and what ends a session",
    arguments: &["test", "--package", "vm", "--features", "sshd"],
    variable: None,
    directory: None,
};

const LOOM: Step = Step {
    what: "every interleaving of the in-flight gate and the binding (loom)",
    arguments: &["test", "--release", "--package", "nmr", "--test", "loom"],
    variable: Some(("RUSTFLAGS", "--cfg loom")),
    directory: Some("loom"),
};

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    if arguments.list {
        return match arguments.suite {
            Some(Suite::Registrar) => statements::list(&Workspace::find()?),
            _ => {
                bail!("--list is for the registrar's statements: cargo xtask test registrar --list")
            }
        };
    }
    let steps: &[Step] = match arguments.suite {
        None => &[HOST, BINDINGS, SIM, MACHINES, LOOM],
        Some(Suite::Registrar) => &[REGISTRAR],
        Some(Suite::Sim) => &[SIM],
        Some(Suite::Loom) => &[LOOM],
        Some(Suite::Zoo | Suite::Wine | Suite::Package | Suite::Vm) => &[],
    };
    let purpose = match arguments.suite {
        None | Some(Suite::Vm) => Some(Purpose::Vm),
        Some(Suite::Wine) => Some(Purpose::Wine),
        Some(Suite::Package) => Some(Purpose::Package),
        Some(Suite::Sim | Suite::Zoo) => Some(Purpose::Check),
        Some(_) => None,
    };
    if let Some(purpose) = purpose {
        match images(purpose)? {
            Outcome::Done => {}
            other => return Ok(other),
        }
    }
    let mut run = Steps::new("test");
    let workspace = Workspace::find()?;
    run.run(&workspace, steps)?;
    if arguments.suite.is_none() {
        let what = "the layer for NMR modules under AddressSanitizer";
        run.one(what, || address_sanitizer::passes(&workspace))?;
    }
    if matches!(arguments.suite, None | Some(Suite::Zoo)) {
        let what = "each known defect of the zoo is found, and no other";
        run.one(what, || zoo::passes(&workspace))?;
    }
    if matches!(arguments.suite, None | Some(Suite::Package)) {
        run.one("a package in which nothing can change unnoticed", || {
            package::is_watertight(&workspace)
        })?;
        run.one("drivers that are the same when built again", || {
            package::builds_alike_again(&workspace)
        })?;
    }
    // Compiles everything a second time.
    if arguments.suite == Some(Suite::Package) {
        run.one("the same from another directory", || {
            package::builds_alike_elsewhere(&workspace)
        })?;
    }
    if matches!(arguments.suite, None | Some(Suite::Wine)) {
        run.one("the driver images under Wine", || {
            stress::passes_under_wine(&workspace)
        })?;
        run.one("a crash under Wine names the driver", || {
            zoo::crash_is_told_under_wine(&workspace)
        })?;
        run.one("what stands for a kernel in a guest with Wine", || {
            wine_guest::passes(&workspace)
        })?;
    }
    // On true threads some defects show in one way or another: too dear, and
    // not for a verdict on every change.
    if arguments.suite == Some(Suite::Wine) {
        run.one("the simulated kernel and Wine agree", || {
            agreement::holds(&workspace)
        })?;
        run.one("defects of the zoo that show under Wine", || {
            zoo::passes_under_wine(&workspace)
        })?;
    }
    if matches!(arguments.suite, None | Some(Suite::Vm)) {
        run.one("the driver images on a machine", || {
            rehearsal::passes(&workspace)
        })?;
    }
    // Each boots a machine of its own, which takes minutes.
    if arguments.suite == Some(Suite::Vm) {
        run.one("a machine that crashes or hangs", || {
            rehearsal::trouble_is_told(&workspace)
        })?;
    }
    Ok(run.finish())
}

/// Sets up what the tests of images need, and builds the drivers.
fn images(purpose: Purpose) -> Result<Outcome> {
    match setup::ensure(purpose)? {
        Outcome::Done => {}
        other => return Ok(other),
    }
    say("test: build the drivers, and those of the example");
    match build::run()? {
        Outcome::Done => build::example(&Workspace::find()?),
        other => Ok(other),
    }
}
