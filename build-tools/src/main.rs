// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo nmr`, and `cargo xtask` in a checkout of this project: sets up, builds, checks and
//! runs drivers, on any host.
//!
//! # One program
//!
//! The first argument is the name of the cargo subcommand: `nmr` if the program is installed
//! (`cargo install --path build-tools`), `xtask` through the checkout's alias. Help, hints
//! and command lines to paste contain that name. As `sim`, the program is the simulated
//! kernel, which it starts itself; called as `lld-link`, it is the wrapper of the linker.
//!
//! # Layout
//!
//! There is one module per command, on top of modules named by their duty. A module imports
//! only modules below it in this list; `tests/structure` checks that there is no cycle.
//!
//! | module | duty |
//! |---|---|
//! | [`commands`] | the arguments and steps of each command |
//! | [`trials`] | trials of the tools and tiers, which `test` runs |
//! | [`stress`] | a stress run: plan, tiers (sim, Wine, machine), summary, report file |
//! | [`exchange`] | the report of a stress run as `JUnit`, as SARIF, and as a summary of a workflow's step |
//! | [`page`] | the report of a stress run as a page for a browser |
//! | [`trace`] | the events of one cycle: trace file, columns, diagram |
//! | [`zoo`] | the defect zoo: catalogue, defect index, building and trying modules |
//! | [`packages`] | packages for machines under test: assembly, signatures, verification |
//! | [`machines`] | virtual and remote machines: descriptions, files, prerequisites |
//! | [`simulator`] | the simulated kernel as a program, and replay lines |
//! | [`building`] | drivers, their peers, Windows program, Wine prefixes, the linker wrapper, carried sources |
//! | [`prerequisites`] | the host's prerequisites, and how to install them; the compiler |
//! | [`explanations`] | texts on rules, bug checks, open points and scenarios |
//! | [`workspace`] | directories, output files, child processes, lists of checks |
//! | [`terminal`] | output, progress, the verdict and its exit status |
//!
//! # Exit status
//!
//! 0 if nothing is wrong; 1 if a defect was found, or something that the options ask for was
//! not tested; 2 if the command line is wrong, the command failed, a prerequisite is missing,
//! or cycles were cut short because the simulated kernel lacks a function; 130 if a signal
//! ended the command. The last line of output, the verdict, says the same in a sentence; an
//! error is one line on stderr instead.

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

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::builder::{Resettable, StyledStr};
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};

use building::linker;
use child::interrupt::interrupted;
use child::program::{NMR, XTASK};
use terminal::{CANNOT, PROGRAM, Verdict, print};

/// Sets up, builds, checks and runs drivers that meet through the Network Module Registrar.
#[derive(Parser)]
#[command(version)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    command: commands::Command,
}

impl CommandLine {
    /// Parses a command line without `cargo`: its first word is that of this program.
    fn parse_words(
        words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> clap::error::Result<Self> {
        Self::from_arg_matches(&Self::adapted().try_get_matches_from(words)?)
    }

    /// The command line as this program's user must read it. Installed, the program lists no
    /// command that needs a clone of this project.
    fn adapted() -> clap::Command {
        let installed = PROGRAM.words() == NMR;
        let hide = |command: clap::Command| command.hide(true);
        let all = commands::checkout::NAMES.into_iter().filter(|_| installed);
        adapt(all.fold(Self::command(), |all, name| all.mut_subcommand(name, hide)))
            .name(PROGRAM.words())
            .bin_name(PROGRAM.words())
    }
}

/// Adapts the help of a command and of those below it.
fn adapt(command: clap::Command) -> clap::Command {
    let text = |text: Option<&StyledStr>| text.map(|it| PROGRAM.adapt(&it.to_string()));
    let (about, after) = (text(command.get_about()), text(command.get_after_help()));
    command
        .about(Resettable::from(about.map(StyledStr::from)))
        .after_help(Resettable::from(after.map(StyledStr::from)))
        .mut_args(|argument| {
            let help = text(argument.get_help());
            argument.help(Resettable::from(help.map(StyledStr::from)))
        })
        // A negative number is a wrong value, not an unknown option.
        .mut_subcommands(|it| adapt(it).allow_negative_numbers(true))
}

/// The arguments, the first of which is the word of this program, and sets [`PROGRAM`].
fn words() -> Vec<OsString> {
    let mut words: Vec<_> = env::args_os().skip(1).collect();
    let is = |word: &str| words.first().is_some_and(|first| first == word);
    PROGRAM.set(if is("xtask") { XTASK } else { NMR });
    if !is(PROGRAM.word()) {
        words.insert(0, PROGRAM.word().into());
    }
    words
}

fn main() -> ExitCode {
    if let Some(arguments) = simulator::program::arguments() {
        return simulator::program::main(&arguments);
    }
    if linker::is_called() {
        return match linker::run() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => refuse(format!("{error:#}")),
        };
    }
    let line = match CommandLine::parse_words(words()) {
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
