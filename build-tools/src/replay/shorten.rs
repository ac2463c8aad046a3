// SPDX-License-Identifier: MIT OR Apache-2.0

//! The line of the shortest trace that fails in the same way.

use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use scenarios::Finding;
use serde::Deserialize;

use super::Line;
use crate::outcome::Outcome;
use crate::progress::Progress;
use crate::screen::say;

/// A line of what the simulated kernel prints.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Minimising { steps: u64, budget: u64 },
    Minimised(Box<Shortest>),
}

#[derive(Deserialize)]
struct Shortest {
    cycle: u64,
    script: String,
    faults: Option<String>,
    events: u64,
    events_before: u64,
    schedule: Option<String>,
    finding: Finding,
}

/// Lets the simulated kernel look for it.
pub(super) fn run(command: &mut Command, line: &Line) -> Result<Outcome> {
    let command = command.arg("--minimise");
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("the simulated kernel cannot be run")?;
    let shortest = child.stdout.take().map_or(Ok(None), listen)?;
    // What it complains of is one line, for which the pipe has room.
    let mut errors = String::new();
    if let Some(mut said) = child.stderr.take() {
        said.read_to_string(&mut errors)
            .context("what the simulated kernel says cannot be read")?;
    }
    let status = child
        .wait()
        .context("the simulated kernel cannot be waited for")?;
    match (status.code(), shortest) {
        (Some(0), None) => {
            say("nothing is found, so there is nothing to shorten");
            Ok(Outcome::Done)
        }
        (Some(1), Some(shortest)) => {
            tell(&shortest, line);
            Ok(Outcome::Found)
        }
        (Some(2), _) => bail!("{}", errors.trim().trim_start_matches("error: ")),
        _ => bail!("the simulated kernel died ({status})"),
    }
}

/// Shows how far it is; answers what it comes to.
fn listen(output: ChildStdout) -> Result<Option<Box<Shortest>>> {
    let mut progress = None;
    let mut shortest = None;
    for line in BufReader::new(output).lines() {
        let line = line.context("what the simulated kernel says cannot be read")?;
        let said = serde_json::from_str(&line);
        match said
            .with_context(|| format!("the simulated kernel said what is no result: {line}"))?
        {
            Said::Minimising { steps, budget } => progress
                .get_or_insert_with(|| Progress::new("minimise", "steps at most", budget))
                .show(steps),
            Said::Minimised(found) => shortest = Some(found),
        }
    }
    if let Some(progress) = progress {
        progress.end();
    }
    Ok(shortest)
}

fn tell(shortest: &Shortest, line: &Line) {
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
    say(format!("finding: {}", shortest.finding));
    say(format!(
        "{} events instead of {}: cargo xtask replay {shorter}",
        shortest.events, shortest.events_before
    ));
}
