// SPDX-License-Identifier: MIT OR Apache-2.0

//! The commands, one module each: their arguments and steps.
//!
//! A command prints its report and returns a [`Verdict`]. An error means that it could
//! not do its work.

mod build;
pub(crate) mod checkout;
mod completions;
mod describe;
mod doctor;
mod explain;
mod header;
mod merge;
mod new;
mod replay;
mod setup;
mod soak;
mod stress;

use anyhow::Result;
use clap::Subcommand;

use crate::terminal::Verdict;
use checkout::{bench, lint, package, test, vm, zoo};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the prerequisites, which of them are missing, and how to get those.
    Doctor(doctor::Arguments),
    /// Install the missing prerequisites, or print how to.
    #[command(after_help = "\
Examples:
  cargo xtask setup                 as root, or with a sudo that asks for no password
  cargo xtask doctor                only list what is missing")]
    Setup,
    /// Build the drivers of a workspace, and check their images.
    Build(build::Arguments),
    /// Describe a driver image: sections, imports, and what it registers when it is loaded alone.
    Describe(describe::Arguments),
    /// Explain a finding's code, an open point or a scenario: rule, source, typical defect, correct form.
    Explain(explain::Arguments),
    /// Write the C header of an NPI from its description.
    Header(header::Arguments),
    /// Write a workspace for an NPI of your own: its crate, a provider, a client, a test.
    New(new::Arguments),
    /// Stress drivers for hours, with changing options, and keep the cycles that reached something new.
    Soak(soak::Arguments),
    /// Merge the reports of shards into the report of the whole run.
    Merge(merge::Arguments),
    /// Load and unload drivers repeatedly, in the simulated kernel, under Wine or on a machine.
    Stress(Box<stress::Arguments>),
    /// Make a test-signed package with all that a machine under test needs.
    Package(package::Arguments),
    /// Run every test, or one suite.
    Test(test::Arguments),
    /// Run the cycle of a finding again, and print every event.
    Replay(replay::Arguments),
    /// Check that the simulated kernel finds each known defect, and nothing else.
    Zoo(zoo::Arguments),
    /// List, make and use the machines that can run the pair.
    Vm(vm::Arguments),
    /// Measure what a call, a binding and a cycle cost, beside other ways and a baseline.
    Bench(bench::Arguments),
    /// Check formatting, lints, documents and dependencies of everything, including the drivers.
    #[command(after_help = "\
Examples:
  cargo xtask lint                  everything
  cargo fmt --all                   correct the formatting that it reports")]
    Lint(lint::Arguments),
    /// Print the completions of a shell.
    Completions(completions::Completions),
    /// Write a manual page for each command.
    Man(completions::Man),
}

impl Command {
    pub(crate) fn run(&self) -> Result<Verdict> {
        match self {
            Self::Doctor(arguments) => doctor::run(arguments),
            Self::Setup => setup::run(),
            Self::Build(arguments) => build::run(arguments),
            Self::Describe(arguments) => describe::run(arguments),
            Self::Explain(arguments) => explain::run(arguments),
            Self::Header(arguments) => header::run(arguments),
            Self::New(arguments) => new::run(arguments),
            Self::Soak(arguments) => soak::run(arguments),
            Self::Merge(arguments) => merge::run(arguments),
            Self::Stress(arguments) => stress::run(arguments),
            Self::Package(arguments) => package::run(arguments),
            Self::Test(arguments) => test::run(arguments),
            Self::Replay(arguments) => replay::run(arguments),
            Self::Zoo(arguments) => zoo::run(arguments),
            Self::Vm(arguments) => vm::run(arguments),
            Self::Bench(arguments) => bench::run(arguments),
            Self::Lint(arguments) => lint::run(arguments),
            Self::Completions(arguments) => Ok(completions::complete(arguments)),
            Self::Man(arguments) => completions::write_manual(arguments),
        }
    }
}
