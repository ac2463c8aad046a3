// SPDX-License-Identifier: MIT OR Apache-2.0

//! The events of one cycle, and what is made of them: a trace for viewers, columns for the
//! terminal, a diagram for pages.

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

use anyhow::{Context, Result, bail};
use scenarios::{Report, TraceEvent, TracedCycle};
use serde::Deserialize;

use crate::simulator::{self, Traced};
use crate::terminal::print;
use crate::workspace::artifact;

/// The events of a cycle that the simulated kernel has run.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) cycle: Option<TracedCycle>,
    pub(crate) events: Vec<TraceEvent>,
    /// The report on the cycle; `None` if the simulated kernel died in it.
    pub(crate) report: Option<Report>,
    status: ExitStatus,
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
    if report.is_none() && status.code() == Some(2) {
        bail!("{}", simulator::error_of(&errors));
    }
    Ok(Trace {
        cycle,
        events,
        report,
        status,
    })
}

fn lines(output: impl Read) -> impl Iterator<Item = std::io::Result<String>> {
    BufReader::new(output).lines()
}

impl Trace {
    /// Prints the text trace, and the verdict below it.
    pub(crate) fn print(&self) {
        if let Some(cycle) = &self.cycle {
            print(cycle.to_string());
        }
        for event in self.events.iter().filter(|event| !event.text.is_empty()) {
            print(event.to_string());
        }
        let Some(report) = &self.report else { return };
        report.unsupported.iter().for_each(print);
        for note in &report.notes {
            print(format!("note: {note}"));
        }
        report.findings.iter().for_each(print);
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
    pub(crate) fn end(&self) -> Result<Traced> {
        let findings = self.report.iter().flat_map(|report| &report.findings);
        let unsupported = self.report.iter().flat_map(|report| &report.unsupported);
        let last = findings
            .map(ToString::to_string)
            .chain(unsupported.map(ToString::to_string))
            .next();
        Traced::new(self.status, "", last.unwrap_or_default())
    }
}
