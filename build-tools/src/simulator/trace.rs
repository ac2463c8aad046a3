// SPDX-License-Identifier: MIT OR Apache-2.0

//! The simulated kernel with every event on the user's terminal.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

use super::{cannot_run, died, error_of};
use crate::terminal::{Verdict, Word, begin_step, print};

/// How a traced run ended.
pub(crate) struct Traced {
    word: Word,
    /// The last line of the trace, which names what was found.
    last: String,
}

/// Runs `command` and prints every event.
pub(crate) fn trace(command: &mut Command) -> Result<Traced> {
    begin_step("running the cycles");
    let mut child = command
        .arg("--trace")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(cannot_run)?;
    let mut last = String::new();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            last = String::from_utf8_lossy(&line).into_owned();
            print(&last);
        }
    }
    // An error is one line, which fits into the pipe's buffer.
    let mut errors = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut errors)?;
    }
    let status = child.wait()?;
    Traced::new(status, &errors, last)
}

impl Traced {
    /// How a run ended that has this exit status, errors and last line.
    pub(crate) fn new(status: ExitStatus, errors: &str, last: String) -> Result<Self> {
        let word = match status.code() {
            Some(0) => Word::Pass,
            Some(1) => Word::Fail,
            Some(2) if errors.is_empty() => Word::Unsupported,
            Some(2) => bail!("{}", error_of(errors)),
            _ => bail!("{}: {}", died(status), child::last_lines(errors)),
        };
        Ok(Self { word, last })
    }

    /// The verdict on the cycles that were run.
    pub(crate) fn verdict(&self, cycles: &str) -> Verdict {
        let last = self.last.trim_start_matches("UNSUPPORTED: ");
        // The cycle and the seed are those of the command.
        let last = last.rsplit_once(" (cycle ").map_or(last, |(what, _)| what);
        match self.word {
            Word::Pass => Verdict::pass(format!("{cycles}: nothing is found")),
            word => Verdict::new(word, format!("{cycles}: {last}")),
        }
    }
}
