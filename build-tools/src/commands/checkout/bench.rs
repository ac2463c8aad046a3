// SPDX-License-Identifier: MIT OR Apache-2.0

//! `bench`: what a call through an NPI, a binding, and a cycle in the simulated kernel cost.
//!
//! Only ratios and instruction counts are judged: they mean the same on the next machine.
//! `baseline.json` has the instruction counts of the last accepted state, and a count that
//! exceeds its own fails.

mod baseline;
mod cycles;
mod goals;
mod measured;
mod page;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::building::{drivers, interop};
use crate::prerequisites::{self, Purpose};
use crate::terminal::{Outcome, PROGRAM, Verdict, count_of, print};
use crate::workspace::{OutputFiles, Workspace, artifact};
use baseline::Baseline;
use cycles::Cycles;
use goals::Goal;
use measured::Measured;

/// The bench targets: package, target, and what their cases are.
const TARGETS: [(&str, &str, &str); 2] = [
    (
        "nmr",
        "gate",
        "One call through an NPI, and through other guards",
    ),
    (
        "registrar",
        "scaling",
        "One binding, from register to deregister",
    ),
];

#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench --json bench.json --html bench.html   tables, figures, plots
  cargo xtask bench --accept                              after a change that costs what it should")]
pub(crate) struct Arguments {
    /// Write the figures to FILE as JSON. `-` is standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a page with plots for a browser.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Make the instruction counts of this run the baseline.
    #[arg(long)]
    accept: bool,
    /// Measure times for a shorter time; instruction counts stay exact.
    #[arg(long)]
    quick: bool,
}

/// All figures.
#[derive(Serialize)]
struct Figures {
    cases: Vec<Measured>,
    cycles: Cycles,
    /// Bytes of each image of the pair.
    images: Vec<(String, u64)>,
    goals: Vec<Goal>,
    /// The counts that are not within the baseline, a sentence each.
    exceeded: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    let mut files = OutputFiles::default();
    files.add("--json", arguments.json.as_deref())?;
    files.add("--html", arguments.html.as_deref())?;
    match prerequisites::ensure(Purpose::Bench)? {
        Outcome::Done => {}
        other => return Ok(other.into()),
    }
    let workspace = Workspace::checkout()?;
    match drivers::set_up_and_build_pair(&workspace)? {
        Outcome::Done => {}
        other => return Ok(other.into()),
    }
    interop::build(&workspace)?;

    let mut cases = Vec::new();
    for (package, target, heading) in TARGETS {
        let those = measured::run(&workspace, package, target, arguments.quick)?;
        print(format!("{heading}\n{}", measured::table(&those)));
        cases.extend(those);
    }
    let cycles = cycles::run(&workspace)?;
    print(format!(
        "A cycle in the simulated kernel\n{}",
        cycles.table()
    ));
    let images = images(&workspace)?;
    for (image, bytes) in &images {
        print(format!("image {image}: {bytes} bytes"));
    }
    let goals = goals::of(&cases);
    for goal in &goals {
        print(goal);
    }
    let mut baseline = Baseline::read(&workspace)?;
    let exceeded = baseline.exceeded(&cases);
    if arguments.accept {
        baseline.accept(&cases);
        baseline.write(&workspace)?;
    }
    let figures = Figures {
        cases,
        cycles,
        images,
        goals,
        exceeded,
    };
    if let Some(file) = &arguments.json {
        artifact::write_json(file, &figures)?;
    }
    if let Some(file) = &arguments.html {
        artifact::write(file, page::html(&figures).as_bytes())?;
    }
    Ok(verdict(&figures, arguments.accept))
}

/// The size of each image of the pair.
fn images(workspace: &Workspace) -> Result<Vec<(String, u64)>> {
    let size = |name: &str| {
        let image = workspace.driver(name);
        Ok((format!("{name}.sys"), image.metadata()?.len()))
    };
    ["provider", "client", "provider_wdf", "client_wdf"]
        .into_iter()
        .map(size)
        .collect()
}

/// A goal that is not met is said to be so, and fails nothing; a count above its baseline does.
fn verdict(figures: &Figures, accepted: bool) -> Verdict {
    let met = figures.goals.iter().filter(|goal| goal.met).count();
    let goals = format!("{met} of {}", count_of(&figures.goals, "goal", "goals"));
    match figures.exceeded.first() {
        Some(first) if !accepted => Verdict::fail(format!(
            "{} not within the baseline; first: {first}; `{PROGRAM} bench --accept` if it is worth that",
            count_of(&figures.exceeded, "instruction count", "instruction counts")
        )),
        Some(_) => Verdict::pass(format!(
            "the counts of this run are the baseline; {goals} met"
        )),
        None => Verdict::pass(format!(
            "every instruction count is within the baseline; {goals} met"
        )),
    }
}
