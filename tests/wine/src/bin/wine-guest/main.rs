// SPDX-License-Identifier: MIT OR Apache-2.0

//! `wine-guest`: stands for the kernel of a Windows machine in a guest that has
//! Wine. What runs `nmr-stress.exe` on a Windows machine runs this there, and
//! sees the same: its lines, its exit status, and a machine that crashes when its
//! kernel does.
//!
//! # Limits
//!
//! It knows nothing of virtual machines. It needs no environment.

mod passed;

use std::convert::Infallible;
use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result};
use clap::Parser;
use scenarios::Line;
use wine::{Dump, Kit, Prefix};

use crate::passed::Passed;

/// Runs nmr-stress.exe under Wine, as a Windows machine runs it.
#[derive(Parser)]
#[command(name = "wine-guest", version)]
struct CommandLine {
    /// The directory with `provider.sys`, `client.sys`, and all that Wine needs.
    #[arg(long, value_name = "DIRECTORY")]
    kit: PathBuf,
    /// A prefix that `wineboot --init` has made, to save the time that it takes.
    #[arg(long, value_name = "DIRECTORY")]
    template: Option<PathBuf>,
    /// If the kernel dies, write this file and crash the machine, as Windows does.
    #[arg(long, value_name = "FILE", requires = "crash_by")]
    dump: Option<PathBuf>,
    /// Where to write `c` to crash the machine: `/proc/sysrq-trigger`.
    #[arg(long, value_name = "FILE", requires = "dump")]
    crash_by: Option<PathBuf>,
    /// What nmr-stress.exe is told.
    #[arg(last = true, required = true)]
    passed: Vec<String>,
}

fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(wrong) if wrong.use_stderr() => {
            // The first line names what is wrong.
            let text = wrong.to_string();
            eprintln!(
                "{}; --help lists what there is",
                text.lines().next().unwrap_or_default()
            );
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

/// Runs the cycles; whether nothing was found.
fn run(line: &CommandLine) -> Result<bool> {
    let passed = Passed::read(&line.passed)?;
    let mut prefix = prefix(line.template.as_deref())?;
    prefix.echo();
    Kit::collected(&line.kit).install(&prefix)?;
    let [provider, client] = ["provider.sys", "client.sys"].map(|name| line.kit.join(name));
    let run = passed.run(&provider, &client);
    // The report must be heard; the rest tells only how far it has come.
    let ran = run.perform(&prefix, |line| drop(tell(&line)))?;
    if let (Some(dump), Some(file), Some(trigger)) = (Dump::of(&ran), &line.dump, &line.crash_by) {
        match dump.write(file).and_then(|()| crash(trigger)) {
            Ok(never) => match never {},
            // Then the report is all there is of it.
            Err(error) => eprintln!("error: {error:#}"),
        }
    }
    let clean = ran.report.is_clean();
    tell(&Line::Report(Box::new(ran.report)))?;
    Ok(clean)
}

/// A prefix, where links to the template can be made if there is one.
fn prefix(template: Option<&Path>) -> Result<Prefix> {
    let Some(template) = template else {
        return Prefix::create(&env::temp_dir());
    };
    let template = template
        .canonicalize()
        .with_context(|| format!("{} is not there", template.display()))?;
    let directory = template.parent().unwrap_or(&template);
    Prefix::from_template(&template, directory)
}

fn tell(line: &Line) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, line)?;
    // It is flushed at the end of each line.
    out.write_all(b"\n")
}

/// Stops the machine, and does not return.
fn crash(trigger: &Path) -> Result<Infallible> {
    fs::write(trigger, "c").with_context(|| {
        let shown = trigger.display();
        format!("{shown} cannot be written, and the machine lives: be root in it")
    })?;
    loop {
        thread::park();
    }
}
