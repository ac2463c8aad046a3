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

mod artifact;
mod build;
mod doctor;
mod image_report;
mod lint;
mod outcome;
mod parts;
mod screen;
mod setup;
mod steps;
mod stress;
mod test;
mod toolchain;
mod unused_patch;
mod workspace;

use std::process::ExitCode;

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
    /// Load and unload both drivers together, over and over, in the simulated kernel.
    Stress(stress::Arguments),
    /// Run every test.
    Test,
    /// Check formatting, lints and documentation of everything, drivers included.
    Lint,
}

fn main() -> ExitCode {
    let result = match CommandLine::parse().command {
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Setup => setup::run(),
        Command::Build => build::run(),
        Command::Stress(arguments) => stress::run(&arguments),
        Command::Test => test::run(),
        Command::Lint => lint::run(),
    };
    match result {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            screen::error(format!("{error:#}"));
            outcome::CANNOT.into()
        }
    }
}
