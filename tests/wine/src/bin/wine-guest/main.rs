// SPDX-License-Identifier: MIT OR Apache-2.0

//! `wine-guest`: makes a guest with Wine look like a Windows machine. It is run in place
//! of `nmr-stress.exe` and behaves like it: the same lines, the same exit status, and a
//! crash of the machine when Wine's kernel crashes.
//!
//! # Limits
//!
//! It does not depend on virtual machines, and needs no environment variables.

mod stress_arguments;

use std::convert::Infallible;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result};
use clap::Parser;
use scenarios::{Line, write_line};
use wine::{Dump, Payload, Prefix};

use crate::stress_arguments::StressArguments;

/// Runs nmr-stress.exe under Wine, as a Windows machine runs it.
#[derive(Parser)]
#[command(name = "wine-guest", version)]
struct CommandLine {
    /// Directory with `provider.sys`, `client.sys`, and the files that Wine needs.
    #[arg(long, value_name = "DIRECTORY")]
    payload: PathBuf,
    /// Prefix that `wineboot --init` has made, to save its time.
    #[arg(long, value_name = "DIRECTORY")]
    template: Option<PathBuf>,
    /// If the kernel crashes, write this file and crash the machine, as Windows does.
    #[arg(long, value_name = "FILE", requires = "crash_by")]
    dump: Option<PathBuf>,
    /// File to which `c` is written to crash the machine: `/proc/sysrq-trigger`.
    #[arg(long, value_name = "FILE", requires = "dump")]
    crash_by: Option<PathBuf>,
    /// Arguments of nmr-stress.exe.
    #[arg(last = true, required = true)]
    arguments: Vec<String>,
}

fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(wrong) if wrong.use_stderr() => {
            // The first line names the error.
            let text = wrong.to_string();
            eprintln!("{}; see --help", text.lines().next().unwrap_or_default());
            return ExitCode::from(2);
        }
        Err(help) => help.exit(),
    };
    match run(&line) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs the cycles. Returns `true` if nothing was found.
fn run(line: &CommandLine) -> Result<bool> {
    let arguments = StressArguments::read(&line.arguments)?;
    let mut prefix = prefix(line.template.as_deref())?;
    prefix.echo();
    Payload::collected(&line.payload).install(&prefix)?;
    let [provider, client] = ["provider.sys", "client.sys"].map(|name| line.payload.join(name));
    let run = arguments.run(&provider, &client);
    // A failure to print matters for the report only.
    let ran = run.perform(&prefix, |line| drop(print(&line)))?;
    if let (Some(dump), Some(file), Some(trigger)) = (Dump::of(&ran), &line.dump, &line.crash_by) {
        match dump.write(file).and_then(|()| crash(trigger)) {
            Ok(never) => match never {},
            // Without a dump, the finding is in the report only.
            Err(error) => eprintln!("error: {error:#}"),
        }
    }
    let clean = ran.report.is_clean();
    print(&Line::Report(Box::new(ran.report)))?;
    Ok(clean)
}

/// Makes a prefix; if there is a template, on its file system.
fn prefix(template: Option<&Path>) -> Result<Prefix> {
    let Some(template) = template else {
        return Prefix::create(&env::temp_dir());
    };
    let template = template
        .canonicalize()
        .with_context(|| format!("{} does not exist", template.display()))?;
    let directory = template.parent().unwrap_or(&template);
    Prefix::from_template(&template, directory)
}

/// Prints a line in JSON.
fn print(line: &Line) -> io::Result<()> {
    write_line(&mut io::stdout().lock(), line)
}

/// Crashes the machine, and does not return.
fn crash(trigger: &Path) -> Result<Infallible> {
    fs::write(trigger, "c").with_context(|| {
        let shown = trigger.display();
        format!("{shown} cannot be written, so the machine cannot crash: run as root")
    })?;
    loop {
        thread::park();
    }
}
