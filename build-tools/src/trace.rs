// SPDX-License-Identifier: MIT OR Apache-2.0

//! The events of one cycle, as a trace for viewers, as columns for the terminal, and as a
//! diagram for pages.

mod chrome;
mod columns;
pub(crate) mod diagram;
mod flights;
#[cfg(test)]
mod samples;
mod slices;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result};
use scenarios::{Report, TraceEvent, TracedCycle};
use serde::Deserialize;

use crate::simulator::{self, Traced};
use crate::terminal::{begin_step, print};
use crate::workspace::artifact;

/// The events of a cycle that the simulated kernel has run.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) cycle: Option<TracedCycle>,
    pub(crate) events: Vec<TraceEvent>,
    /// The report on the cycle; `None` if the simulated kernel died in it.
    pub(crate) report: Option<Report>,
    status: ExitStatus,
    errors: String,
}

/// A line that the simulated kernel prints. It has one of these, or none.
#[derive(Deserialize)]
struct OutputLine {
    cycle: Option<TracedCycle>,
    event: Option<TraceEvent>,
    report: Option<Report>,
}

/// Runs the simulated kernel for one cycle, and returns its events.
pub(crate) fn events_of(command: &mut Command) -> Result<Trace> {
    begin_step("running the cycle");
    let mut child = command
        .arg("--events")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(simulator::cannot_run)?;
    let (mut cycle, mut events, mut report) = (None, Vec::new(), None);
    for line in child.stdout.take().into_iter().flat_map(lines) {
        let line = line.context("the output of the simulated kernel cannot be read")?;
        // The line that it died in may be cut short.
        let Ok(line) = serde_json::from_str::<OutputLine>(&line) else {
            continue;
        };
        cycle = line.cycle.or(cycle);
        events.extend(line.event);
        report = line.report.or(report);
    }
    // An error is one line, which fits into the pipe's buffer.
    let mut errors = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr
            .read_to_string(&mut errors)
            .context("the errors of the simulated kernel cannot be read")?;
    }
    let status = child
        .wait()
        .context("the simulated kernel cannot be waited for")?;
    Ok(Trace {
        cycle,
        events,
        report,
        status,
        errors,
    })
}

fn lines(output: impl Read) -> impl Iterator<Item = std::io::Result<String>> {
    BufReader::new(output).lines()
}

impl Trace {
    /// Prints the text trace, and the findings below it.
    pub(crate) fn print(&self) {
        if let Some(cycle) = &self.cycle {
            print(cycle);
        }
        let events = self.events.iter().filter(|event| !event.text.is_empty());
        events.for_each(print);
        self.found().iter().for_each(print);
    }

    /// What the report says of the cycle.
    fn found(&self) -> Vec<String> {
        let Some(report) = &self.report else {
            return Vec::new();
        };
        let unsupported = report.unsupported.iter().map(ToString::to_string);
        let notes = report.notes.iter().map(|note| format!("note: {note}"));
        let findings = report.findings.iter().map(ToString::to_string);
        unsupported.chain(notes).chain(findings).collect()
    }

    /// Prints the events in a column for each thread.
    pub(crate) fn print_columns(&self) {
        /// What fits most terminals and pages.
        const WIDTH: usize = 160;
        print(columns::text(&self.events, WIDTH).trim_end());
    }

    /// Writes the events in the trace event format of Chrome and Perfetto.
    pub(crate) fn write_json(&self, path: &Path) -> Result<()> {
        artifact::write_json(path, &chrome::document(self.cycle.as_ref(), &self.events))
    }

    /// How the run ended.
    pub(crate) fn traced(&self) -> Result<Traced> {
        let last = self.found().pop().unwrap_or_default();
        Traced::new(self.status, &self.errors, last)
    }
}
