// SPDX-License-Identifier: MIT OR Apache-2.0

//! The line of the shortest trace that fails in the same way.

use std::process::Command;

use anyhow::{Context, Result, bail};
use scenarios::Finding;
use serde::Deserialize;

use super::Line;
use crate::outcome::Outcome;
use crate::screen::say;

/// What the simulated kernel prints last.
#[derive(Deserialize)]
struct Last {
    minimised: Shortest,
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
    let output = command
        .arg("--minimise")
        .output()
        .context("the simulated kernel cannot be run")?;
    match output.status.code() {
        Some(0) => {
            say("nothing is found, so there is nothing to shorten");
            Ok(Outcome::Done)
        }
        Some(1) => {
            let text = String::from_utf8_lossy(&output.stdout);
            let last = text.lines().last().unwrap_or_default();
            let Last { minimised } = serde_json::from_str(last)
                .context("the simulated kernel did not say what it found")?;
            tell(&minimised, line);
            Ok(Outcome::Found)
        }
        _ => {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{}", said.trim().trim_start_matches("error: "))
        }
    }
}

fn tell(shortest: &Shortest, line: &Line) {
    let mut shorter = line.clone();
    shorter.cycle = shortest.cycle;
    shorter
        .options
        .retain(|option| !option.starts_with("--script="));
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
