// SPDX-License-Identifier: MIT OR Apache-2.0

//! Finds the replay line of the shortest trace with the same finding, and prints that
//! trace.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use child::interrupt::{self, Graceful, interrupted};
use scenarios::Finding;
use serde::Deserialize;

use crate::simulator::{self, ReplayLine};
use crate::terminal::PROGRAM;
use crate::terminal::{Progress, Verdict, Word, count, grouped, print};
use crate::trace;

const UNREADABLE: &str = "the output of the simulated kernel cannot be read";

/// A line that the simulated kernel prints.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum MinimiserOutput {
    Minimising { steps: u64, budget: u64 },
    Minimised(Box<Shortest>),
}

/// The shortest trace found.
#[derive(Deserialize)]
struct Shortest {
    cycle: u64,
    script: String,
    faults: Option<String>,
    #[serde(flatten)]
    size: Size,
    before: Size,
    schedule: Option<String>,
    finding: Finding,
}

/// The size of a cycle.
#[derive(Deserialize)]
struct Size {
    events: u64,
    instances: u64,
    injected: u64,
    switches: u64,
}

impl Size {
    /// What a smaller cycle lacks of this one: `1,334 of 1,370 events, 1 of 2 instances`.
    fn removed(&self, smaller: &Self) -> String {
        let counts = [
            ("events", self.events, smaller.events),
            ("driver instances", self.instances, smaller.instances),
            ("injected faults", self.injected, smaller.injected),
            ("thread switches", self.switches, smaller.switches),
        ];
        let parts: Vec<_> = counts
            .into_iter()
            .filter(|(_, before, after)| after < before)
            .map(|(what, before, after)| {
                format!("{} of {} {what}", grouped(before - after), grouped(before))
            })
            .collect();
        if parts.is_empty() {
            "nothing, the cycle needs all of it".to_owned()
        } else {
            parts.join(", ")
        }
    }
}

/// Runs the simulated kernel's search, and prints the result. `command` runs a line.
pub(super) fn run(line: &ReplayLine, command: &dyn Fn(&ReplayLine) -> Command) -> Result<Verdict> {
    let _graceful = Graceful::begin();
    let mut search = command(line);
    let mut child = search
        .arg("--minimise")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(simulator::cannot_run)?;
    let output = child.stdout.take();
    let shortest = output.map_or(Ok(None), |output| receive(output, &child))?;
    // An error is one line, which fits into the pipe's buffer.
    let mut errors = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut errors).context(UNREADABLE)?;
    }
    let status = child
        .wait()
        .context("the simulated kernel cannot be waited for")?;
    match (status.code(), shortest) {
        (Some(0), None) => {
            let cycle = format!("cycle {} of seed {}", line.cycle, line.seed);
            Ok(Verdict::pass(format!(
                "{cycle}: nothing is found, so there is nothing to minimise"
            )))
        }
        (Some(1), Some(shortest)) => {
            print_result(&shortest, line, command)?;
            let word = if interrupted() {
                Word::Interrupted
            } else {
                Word::Fail
            };
            Ok(Verdict::new(
                word,
                format!(
                    "{}: {} instead of {}",
                    shortest.finding.headline(),
                    count(shortest.size.events, "event", "events"),
                    grouped(shortest.before.events)
                ),
            ))
        }
        (Some(2), _) => bail!("{}", simulator::error_of(&errors)),
        _ => bail!(simulator::died(status)),
    }
}

/// Shows the progress, and returns the result of `child`, whose output is read. After a
/// signal that is the shortest trace so far.
fn receive(output: ChildStdout, child: &Child) -> Result<Option<Box<Shortest>>> {
    let mut progress = None;
    let mut shortest = None;
    let mut asked = false;
    for line in BufReader::new(output).lines() {
        let line = line.context(UNREADABLE)?;
        if interrupted() && !asked {
            asked = true;
            interrupt::pass_on(child);
        }
        let parsed = serde_json::from_str(&line);
        match parsed
            .with_context(|| format!("the simulated kernel printed an invalid result: {line}"))?
        {
            MinimiserOutput::Minimising { steps, budget } => progress
                .get_or_insert_with(|| Progress::new("minimise", "steps at most", budget))
                .show(steps),
            MinimiserOutput::Minimised(found) => shortest = Some(found),
        }
    }
    if let Some(progress) = progress {
        progress.end();
    }
    Ok(shortest)
}

fn print_result(
    shortest: &Shortest,
    line: &ReplayLine,
    command: &dyn Fn(&ReplayLine) -> Command,
) -> Result<()> {
    let mut shorter = line.clone();
    shorter.cycle = shortest.cycle;
    shorter
        .options
        .retain(|option| !option.starts_with("--script=") && !option.starts_with("--schedule="));
    shorter
        .options
        .push(format!("--script={}", shortest.script));
    if let Some(faults) = &shortest.faults {
        shorter
            .options
            .retain(|option| !option.starts_with("--faults="));
        shorter.options.push(format!("--faults={faults}"));
    }
    if let Some(schedule) = &shortest.schedule {
        shorter.options.push(format!("--schedule={schedule}"));
    }
    trace::events_of(&mut command(&shorter))?.print_columns();
    print(format!("finding: {}", shortest.finding));
    let removed = shortest.before.removed(&shortest.size);
    print(format!("removed: {removed}"));
    print(format!("    again: {PROGRAM} replay {shorter}"));
    Ok(())
}
