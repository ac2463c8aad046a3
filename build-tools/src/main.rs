// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask`: everything that is done with the drivers, on any host.
//!
//! # Design
//!
//! One file per subcommand; what they share is in files named by its duty. A
//! subcommand prints its report and answers with an [`outcome::Outcome`]; what kept it
//! from doing its work is an error, printed here as one line.
//!
//! The exit status is 0 if all is well, 1 if something was found to be wrong
//! with what was examined, 2 if the command was used wrongly or a part that it
//! needs is missing.

mod address_sanitizer;
mod agreement;
mod artifact;
mod build;
mod doctor;
mod host;
mod image_report;
mod linker;
mod lint;
mod on_wine;
mod outcome;
mod package;
mod parts;
mod program;
mod progress;
mod rehearsal;
mod replay;
mod screen;
mod setup;
mod statements;
mod steps;
mod stress;
mod test;
mod tier;
mod toolchain;
mod unsafe_blocks;
mod unused_patch;
mod vm;
mod windows_kit;
mod wine_guest;
mod workspace;
mod zoo;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

/// Sets up, builds, checks and runs the drivers.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say which parts are needed, which are there, and how to get the others.
    Doctor(doctor::Arguments),
    /// Install the parts that are missing, or say how to.
    Setup,
    /// Build both drivers and check their images.
    Build,
    /// Load and unload both drivers together, over and over, in the simulated kernel or under Wine.
    Stress(stress::Arguments),
    /// Put all that a machine under test needs into one directory, signed for test.
    Package(package::Arguments),
    /// Run every test, or one suite.
    Test(test::Arguments),
    /// Run the cycle of a finding again, and show it event by event.
    Replay(replay::Arguments),
    /// Show that the simulated kernel finds each known defect, and nothing else.
    Zoo(zoo::Arguments),
    /// Make, list and use the machines that can run the pair.
    Vm(vm::Arguments),
    /// Check formatting, lints and documentation of everything, drivers included.
    Lint,
}

fn main() -> ExitCode {
    if linker::is_meant() {
        return status(linker::run());
    }
    let command = match CommandLine::try_parse() {
        Ok(line) => line.command,
        Err(wrong) if is_misuse(&wrong) => {
            screen::error(one_line(&wrong));
            return outcome::CANNOT.into();
        }
        Err(help) => help.exit(),
    };
    let result = match command {
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Setup => setup::run(),
        Command::Build => build::run(),
        Command::Stress(arguments) => stress::run(&arguments),
        Command::Package(arguments) => package::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Zoo(arguments) => zoo::run(&arguments),
        Command::Vm(arguments) => vm::run(&arguments),
        Command::Lint => lint::run(),
    };
    status(result)
}

fn status(result: anyhow::Result<outcome::Outcome>) -> ExitCode {
    match result {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            screen::error(format!("{error:#}"));
            outcome::CANNOT.into()
        }
    }
}

/// Not a request for help, nor the lack of any request.
fn is_misuse(error: &clap::Error) -> bool {
    error.use_stderr() && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

/// What is wrong and clap's tip, without the usage that it prints below.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let told: Vec<_> = text
        .lines()
        .take_while(|line| !line.starts_with("Usage:"))
        .map(|line| line.trim().trim_start_matches("error: "))
        .map(|line| line.trim_start_matches("tip: "))
        .filter(|line| !line.is_empty() && !line.starts_with("For more information"))
        .collect();
    format!(
        "{}; --help lists what there is",
        told.join("; ").replace(":; ", ": ")
    )
}
