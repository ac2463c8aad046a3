// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask`: sets up, builds, checks and runs the drivers, on any host.
//!
//! # Layout
//!
//! One module per command, on top of rooms named by their duty. A room imports only
//! rooms below it; `tests/structure.rs` checks that there is no circle.
//!
//! | room | duty |
//! |---|---|
//! | [`commands`] | arguments of each command, and what it does in which order |
//! | [`trials`] | trials of the tools and tiers, run by `test` |
//! | [`stress`] | a stress run: plan, tiers (sim, Wine, machine), summary, report file |
//! | [`trace`] | the events of one cycle: trace file, columns, diagram |
//! | [`zoo`] | the defect zoo: catalogue, defect index, building and trying modules |
//! | [`packages`] | packages for machines under test: assembly, signatures, verification |
//! | [`machines`] | virtual and remote machines: where they are, what they need |
//! | [`simulator`] | the simulated kernel as a program, and replay lines |
//! | [`building`] | drivers, Windows program, Wine prefixes, the linker wrapper |
//! | [`prerequisites`] | what the host must have, and how to install it; the compiler |
//! | [`workspace`] | directories, output files, child processes, lists of checks |
//! | [`terminal`] | output, progress, exit status |
//!
//! # Exit status
//!
//! 0 if nothing is wrong; 1 if a defect was found in what was examined; 2 if the
//! command was misused, could not do its work, or lacks a prerequisite. That is so, too,
//! if cycles were cut short by what the simulated kernel does not provide.

mod building;
mod commands;
mod machines;
mod packages;
mod prerequisites;
mod simulator;
mod stress;
mod terminal;
mod trace;
mod trials;
mod workspace;
mod zoo;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use building::linker;
use terminal::{CANNOT, Outcome};

/// Sets up, builds, checks and runs the drivers.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct CommandLine {
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> ExitCode {
    if linker::is_called() {
        return exit_code(linker::run());
    }
    match CommandLine::try_parse() {
        Ok(line) => exit_code(line.command.run()),
        Err(wrong) if is_misuse(&wrong) => {
            terminal::error(one_line(&wrong));
            CANNOT.into()
        }
        Err(help) => help.exit(),
    }
}

fn exit_code(result: anyhow::Result<Outcome>) -> ExitCode {
    match result {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            terminal::error(format!("{error:#}"));
            CANNOT.into()
        }
    }
}

/// Returns `true` unless the user asked for help, or named no command.
fn is_misuse(error: &clap::Error) -> bool {
    error.use_stderr() && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

/// The error and clap's tip, without the usage that clap prints below.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let parts: Vec<_> = text
        .lines()
        .take_while(|line| !line.starts_with("Usage:"))
        .map(|line| line.trim().trim_start_matches("error: "))
        .map(|line| line.trim_start_matches("tip: "))
        .filter(|line| !line.is_empty() && !line.starts_with("For more information"))
        .collect();
    format!("{}; see --help", parts.join("; ").replace(":; ", ": "))
}
