// SPDX-License-Identifier: MIT OR Apache-2.0

//! `test`: runs every test, the fast ones first, or one suite.

mod statements;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::building::drivers;
use crate::prerequisites::{self, Purpose};
use crate::terminal::{Outcome, Verdict, print};
use crate::trials::{address_sanitizer, agreement, machine, package, wine, wine_guest, zoo};
use crate::workspace::Workspace;
use crate::workspace::checklist::{Check, Checklist};

#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask test               what a change must pass
  cargo xtask test registrar     one suite")]
pub(crate) struct Arguments {
    /// The suite to run [default: all, but not the slowest trials].
    suite: Option<Suite>,

    /// With `registrar`: list the documented statements, and the test of each.
    #[arg(long, requires = "suite")]
    list: bool,
}

/// A suite of tests.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// The registrar: NMR's documented behaviour, rules and races.
    Registrar,
    /// The driver images in the simulated kernel.
    Sim,
    /// Every known defect of the zoo.
    Zoo,
    /// The driver images and the zoo under Wine, and that it agrees with the simulated
    /// kernel.
    Wine,
    /// Packages: every changed byte is detected, and builds are reproducible, also in
    /// another directory.
    Package,
    /// The rehearsal guest: a clean run, a driver that crashes its kernel, a hang.
    Vm,
    /// Every interleaving of the in-flight gate and the binding.
    Loom,
    /// The layer for NMR modules under `AddressSanitizer`: compiles everything again.
    Sanitizer,
}

const HOST: Check = Check {
    what: "all tests that need no driver image",
    arguments: &["test"],
    variable: None,
    directory: None,
};

const REGISTRAR: Check = Check {
    what: "the registrar",
    arguments: &["test", "--package", "registrar"],
    variable: None,
    directory: None,
};

const BINDINGS: Check = Check {
    what: "the bindings of the drivers",
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

const SIM: Check = Check {
    what: "the driver images in the simulated kernel",
    arguments: &[
        "test",
        "--package",
        "sim",
        "--features",
        "images",
        "--profile",
        "sim",
    ],
    variable: None,
    directory: None,
};

const MACHINES: Check = Check {
    what: "machines reached by SSH, and how sessions end",
    arguments: &["test", "--package", "vm", "--features", "sshd"],
    variable: None,
    directory: None,
};

const LOOM: Check = Check {
    what: "every interleaving of the in-flight gate and the binding (loom)",
    arguments: &["test", "--release", "--package", "nmr", "--test", "loom"],
    variable: Some(("RUSTFLAGS", "--cfg loom")),
    directory: Some("loom"),
};

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    if arguments.list {
        return match arguments.suite {
            Some(Suite::Registrar) => statements::list(&Workspace::find()?),
            _ => {
                bail!("--list is for the registrar's statements: cargo xtask test registrar --list")
            }
        };
    }
    let checks: &[Check] = match arguments.suite {
        None => &[HOST, BINDINGS, SIM, MACHINES, LOOM],
        Some(Suite::Registrar) => &[REGISTRAR],
        Some(Suite::Sim) => &[SIM],
        Some(Suite::Loom) => &[LOOM],
        Some(Suite::Zoo | Suite::Wine | Suite::Package | Suite::Vm | Suite::Sanitizer) => &[],
    };
    let purpose = match arguments.suite {
        None | Some(Suite::Vm) => Some(Purpose::Vm),
        Some(Suite::Wine) => Some(Purpose::Wine),
        Some(Suite::Package) => Some(Purpose::Package),
        Some(Suite::Sim | Suite::Zoo) => Some(Purpose::Check),
        Some(_) => None,
    };
    if let Some(purpose) = purpose {
        match prepare_images(purpose)? {
            Outcome::Done => {}
            other => return Ok(other.into()),
        }
    }
    let mut checklist = Checklist::new("test");
    let workspace = Workspace::find()?;
    checklist.run_all(&workspace, checks)?;
    // Slow: compiles everything a second time.
    if arguments.suite == Some(Suite::Sanitizer) {
        checklist.run("the layer for NMR modules under AddressSanitizer", || {
            address_sanitizer::passes(&workspace)
        })?;
    }
    if matches!(arguments.suite, None | Some(Suite::Zoo)) {
        checklist.run("every known defect of the zoo", || {
            zoo::every_defect_is_found(&workspace)
        })?;
    }
    if matches!(arguments.suite, None | Some(Suite::Package)) {
        checklist.run("a package of which every change is detected", || {
            package::every_change_is_detected(&workspace)
        })?;
        checklist.run("drivers that are identical when rebuilt", || {
            package::rebuild_is_identical(&workspace)
        })?;
    }
    // Slow: compiles everything a second time.
    if arguments.suite == Some(Suite::Package) {
        checklist.run(
            "drivers that are identical when built in another directory",
            || package::build_elsewhere_is_identical(&workspace),
        )?;
    }
    if matches!(arguments.suite, None | Some(Suite::Wine)) {
        checklist.run("the driver images under Wine", || {
            wine::clean_run_passes(&workspace)
        })?;
        checklist.run("a crash under Wine names the driver", || {
            wine::crash_names_the_driver(&workspace)
        })?;
        checklist.run("the stress program of a guest with Wine", || {
            wine_guest::passes(&workspace)
        })?;
    }
    // Slow, and on parallel threads a defect does not always show in the same way: not
    // for every change.
    if arguments.suite == Some(Suite::Wine) {
        checklist.run("the simulated kernel and Wine agree", || {
            agreement::holds(&workspace)
        })?;
        checklist.run("defects of the zoo that show under Wine", || {
            zoo::every_defect_is_found_under_wine(&workspace)
        })?;
    }
    // Slow: each boots a machine, which takes minutes.
    if arguments.suite == Some(Suite::Vm) {
        checklist.run("the driver images on a machine", || {
            machine::clean_run_passes(&workspace)
        })?;
        checklist.run("a machine that crashes or hangs", || {
            machine::failures_are_distinguished(&workspace)
        })?;
    }
    Ok(checklist.finish())
}

/// Ensures the prerequisites of the tests of images, and builds the drivers.
fn prepare_images(purpose: Purpose) -> Result<Outcome> {
    match prerequisites::ensure(purpose)? {
        Outcome::Done => {}
        other => return Ok(other),
    }
    print("test: build the drivers, and those of the example");
    match drivers::set_up_and_build()? {
        Outcome::Done => drivers::build_example(&Workspace::find()?),
        other => Ok(other),
    }
}
