// SPDX-License-Identifier: MIT OR Apache-2.0

//! `test`: runs the tests that a change must pass, or the suites that are named.

mod statements;

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::building::{drivers, interop};
use crate::prerequisites::{self, Purpose};
use crate::terminal::PROGRAM;
use crate::terminal::{Outcome, Verdict, print};
use crate::trials::{
    address_sanitizer, agreement, documents, machine, new_npi, package, page, peers, slurm, soak,
    standalone, wine, wine_guest, without_events, zoo,
};
use crate::workspace::Workspace;
use crate::workspace::checklist::{Check, Checklist};

#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask test               what a change must pass
  cargo xtask test registrar     one suite")]
pub(crate) struct Arguments {
    /// The suites to run [default: host, sim and zoo].
    suites: Vec<Suite>,

    /// Run every suite, the slow ones too.
    #[arg(long, conflicts_with = "suites")]
    all: bool,

    /// With `registrar`: list the documented statements, and the test of each.
    #[arg(long, requires = "suites")]
    list: bool,
}

/// A suite of tests.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// Everything that needs no driver image, the registrar included.
    Host,
    /// The registrar alone: NMR's documented behaviour, rules and races.
    Registrar,
    /// The driver images in the simulated kernel.
    Sim,
    /// Every known defect of the zoo.
    Zoo,
    /// Every interleaving of the in-flight gate and the binding. Slow: compiles nmr again, and
    /// tries each interleaving.
    Loom,
    /// The commands in the README and `docs`: each ends as the document says.
    Docs,
    /// Machines reached by SSH, here by an SSH server on this host.
    Machines,
    /// Drivers of other workspaces, new ones among them, drivers with peers that are made for
    /// them, and the pair without its events.
    Workshop,
    /// The shards of a run, as an array job of a Slurm cluster that is this machine, and a
    /// soak that is killed.
    Scale,
    /// Packages: every changed byte is detected, and builds are reproducible.
    Package,
    /// The report's page in a headless browser.
    Page,
    /// The driver images under Wine, and a crash there.
    Wine,
    /// The simulated kernel and Wine agree, also on the zoo. Slow.
    Agreement,
    /// Builds are reproducible in another directory. Slow: compiles everything again.
    Elsewhere,
    /// The rehearsal guest: a clean run, a driver that crashes its kernel, a hang. Slow:
    /// each boots a machine.
    Vm,
    /// The layer for NMR modules under `AddressSanitizer`. Slow: compiles everything again.
    Sanitizer,
}

impl Suite {
    /// What a change is checked by, on a machine that has what the drivers need.
    const DEFAULT: &[Self] = &[Self::Host, Self::Sim, Self::Zoo];

    /// Every test, once.
    const ALL: &[Self] = &[
        Self::Host,
        Self::Sim,
        Self::Zoo,
        Self::Loom,
        Self::Docs,
        Self::Workshop,
        Self::Scale,
        Self::Machines,
        Self::Package,
        Self::Page,
        Self::Wine,
        Self::Agreement,
        Self::Elsewhere,
        Self::Vm,
        Self::Sanitizer,
    ];

    /// What the host must have for it.
    const fn purpose(self) -> Purpose {
        match self {
            Self::Host | Self::Registrar | Self::Loom | Self::Sanitizer => Purpose::Build,
            Self::Sim | Self::Zoo | Self::Docs | Self::Workshop => Purpose::Check,
            Self::Page => Purpose::Page,
            Self::Scale => Purpose::Scale,
            Self::Package | Self::Elsewhere => Purpose::Package,
            Self::Wine | Self::Agreement => Purpose::Wine,
            Self::Machines | Self::Vm => Purpose::Vm,
        }
    }

    /// Returns `true` if it runs the drivers' images.
    const fn needs_images(self) -> bool {
        !matches!(
            self,
            Self::Host | Self::Registrar | Self::Loom | Self::Machines | Self::Sanitizer
        )
    }

    /// Runs its steps.
    fn run(self, checklist: &mut Checklist, workspace: &Workspace) -> Result<()> {
        match self {
            Self::Host => checklist.run_all(workspace, &[HOST, BINDINGS]),
            Self::Registrar => checklist.run_all(workspace, &[REGISTRAR]),
            Self::Sim => checklist.run_all(workspace, &[SIM]),
            Self::Workshop => {
                checklist.run("a driver of another workspace, built and run", || {
                    standalone::driver_is_built_and_run(workspace)
                })?;
                checklist.run("drivers with peers that are made for them", || {
                    peers::nothing_is_found(workspace)
                })?;
                checklist.run("new workspaces in Rust and in C", || {
                    new_npi::passes_its_own_checks(workspace)
                })?;
                checklist.run("the documents' commands for another directory", || {
                    documents::commands_work_elsewhere(workspace)
                })?;
                checklist.run("the drivers without their events", || {
                    without_events::nothing_is_imported(workspace)
                })
            }
            Self::Scale => {
                checklist.run("the shards of a run on a Slurm cluster", || {
                    slurm::shards_are_one_run(workspace)
                })?;
                checklist.run("a soak that is killed twice", || {
                    soak::survives_kills(workspace)
                })
            }
            Self::Loom => checklist.run_all(workspace, &[LOOM]),
            Self::Machines => checklist.run_all(workspace, &[MACHINES]),
            Self::Docs => checklist.run("the commands of the documents", || {
                documents::commands_do_as_documented(workspace)
            }),
            Self::Zoo => checklist.run("every known defect of the zoo", || {
                zoo::every_defect_is_found(workspace)
            }),
            Self::Package => {
                checklist.run("a package of which every change is detected", || {
                    package::every_change_is_detected(workspace)
                })?;
                checklist.run("drivers that are identical when rebuilt", || {
                    package::rebuild_is_identical(workspace)
                })
            }
            Self::Page => checklist.run("the report's page in a browser", || {
                page::works_in_a_browser(workspace)
            }),
            Self::Elsewhere => checklist.run(
                "drivers that are identical when built in another directory",
                || package::build_elsewhere_is_identical(workspace),
            ),
            Self::Wine => {
                checklist.run("the driver images under Wine", || {
                    wine::clean_run_passes(workspace)
                })?;
                checklist.run("a crash under Wine names the driver", || {
                    wine::crash_names_the_driver(workspace)
                })?;
                checklist.run("the stress program of a guest with Wine", || {
                    wine_guest::passes(workspace)
                })
            }
            Self::Agreement => {
                checklist.run("the simulated kernel and Wine agree", || {
                    agreement::holds(workspace)
                })?;
                checklist.run("defects of the zoo that show under Wine", || {
                    zoo::every_defect_is_found_under_wine(workspace)
                })
            }
            Self::Vm => {
                checklist.run("the driver images on a machine", || {
                    machine::clean_run_passes(workspace)
                })?;
                checklist.run("a machine that crashes or hangs", || {
                    machine::failures_are_distinguished(workspace)
                })
            }
            Self::Sanitizer => checklist
                .run("the layer for NMR modules under AddressSanitizer", || {
                    address_sanitizer::passes(workspace)
                }),
        }
    }
}

const HOST: Check = Check {
    what: "all tests that need no driver image",
    arguments: &["test", "--profile", "tools", "--no-fail-fast"],
    variable: None,
    directory: None,
};

const REGISTRAR: Check = Check {
    what: "the registrar",
    arguments: &["test", "--profile", "tools", "--package", "registrar"],
    variable: None,
    directory: None,
};

const BINDINGS: Check = Check {
    what: "the bindings of the drivers",
    arguments: &[
        "test",
        "--profile",
        "tools",
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
    arguments: &["test", "--profile", "tools", "--test", "images"],
    variable: None,
    directory: None,
};

const MACHINES: Check = Check {
    what: "machines reached by SSH, and how sessions end",
    arguments: &[
        "test",
        "--profile",
        "tools",
        "--package",
        "vm",
        "--features",
        "sshd",
    ],
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
        return match arguments.suites[..] {
            [Suite::Registrar] => statements::list(&Workspace::checkout()?),
            _ => {
                bail!("--list is for the registrar's statements: {PROGRAM} test registrar --list")
            }
        };
    }
    let suites = match &arguments.suites[..] {
        _ if arguments.all => Suite::ALL,
        [] => Suite::DEFAULT,
        some => some,
    };
    let workspace = Workspace::checkout()?;
    let purposes: BTreeSet<_> = suites.iter().map(|suite| suite.purpose()).collect();
    for purpose in purposes {
        match prerequisites::ensure(purpose)? {
            Outcome::Done => {}
            other => return Ok(other.into()),
        }
    }
    if suites.iter().any(|suite| suite.needs_images()) {
        print("test: build the drivers, and those of the example");
        match drivers::set_up_and_build_pair(&workspace)? {
            Outcome::Done => {}
            other => return Ok(other.into()),
        }
        match drivers::build_example(&workspace)? {
            Outcome::Done => {}
            other => return Ok(other.into()),
        }
        if cfg!(not(windows)) {
            interop::build(&workspace)?;
            interop::build_example(&workspace)?;
        }
    }
    let mut checklist = Checklist::new("test");
    for suite in suites {
        suite.run(&mut checklist, &workspace)?;
    }
    Ok(checklist.finish())
}
