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
//! | [`exchange`] | the report of a stress run as `JUnit`, as SARIF, and as a summary of a workflow's step |
//! | [`page`] | the report of a stress run as a page for a browser |
//! | [`trace`] | the events of one cycle: trace file, columns, diagram |
//! | [`zoo`] | the defect zoo: catalogue, defect index, building and trying modules |
//! | [`packages`] | packages for machines under test: assembly, signatures, verification |
//! | [`machines`] | virtual and remote machines: where they are, what they need |
//! | [`simulator`] | the simulated kernel as a program, and replay lines |
//! | [`building`] | drivers, peers of drivers under test, Windows program, Wine prefixes, the linker wrapper |
//! | [`prerequisites`] | what the host must have, and how to install it; the compiler |
//! | [`explanations`] | texts on rules, bug checks, open points and scenarios |
//! | [`workspace`] | directories, output files, child processes, lists of checks |
//! | [`terminal`] | output, progress, the verdict and its exit status |
//!
//! # Exit status
//!
//! 0 if nothing is wrong; 1 if a defect was found in what was examined, or what was asked
//! for was not tested; 2 if the command was misused, could not do its work, or lacks a
//! prerequisite, and if cycles were cut short by what the simulated kernel does not
//! provide; 130 if a signal ended it. The last line of output, the verdict, says the same
//! in a sentence; an error is one line on stderr instead.

mod building;
mod commands;
mod exchange;
mod explanations;
mod machines;
mod packages;
mod page;
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
use child::interrupt::interrupted;
use terminal::{CANNOT, Verdict, print};

/// Sets up, builds, checks and runs the drivers.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> ExitCode {
    if linker::is_called() {
        return match linker::run() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => refuse(format!("{error:#}")),
        };
    }
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(wrong) if is_misuse(&wrong) => return refuse(one_line(&wrong)),
        Err(help) => help.exit(),
    };
    terminal::listen();
    match line.command.run() {
        Ok(verdict) => end(&verdict),
        // The signal is the reason of the error.
        Err(_) if interrupted() => end(&terminal::interrupted()),
        Err(error) => refuse(format!("{error:#}")),
    }
}

/// Prints the verdict.
fn end(verdict: &Verdict) -> ExitCode {
    if let Some(line) = verdict.line() {
        print(line);
    }
    verdict.into()
}

/// Prints why the command could not do its work.
fn refuse(why: String) -> ExitCode {
    terminal::error(why);
    CANNOT.into()
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
