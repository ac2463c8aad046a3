// SPDX-License-Identifier: MIT OR Apache-2.0

//! `bench`: what a call through an NPI, a binding, an unload, and a cycle in the simulated
//! kernel cost, and what the drivers occupy.
//!
//! Only ratios and counts, of instructions and bytes, are judged: they mean the same on the
//! next machine. `baseline.json` has the counts of the last accepted state, and a count that
//! exceeds its own fails.

mod baseline;
mod builds;
mod checkers;
mod cycles;
mod footprint;
mod goals;
mod jobs;
mod measured;
mod page;
mod peers;
mod unload;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::building::{drivers, interop};
use crate::prerequisites::{self, Purpose};
use crate::terminal::{Outcome, PROGRAM, Verdict, count_of, print};
use crate::workspace::{OutputFiles, Workspace, artifact};
use baseline::{Baseline, Compilers};
use checkers::Checkers;
use cycles::Cycles;
use footprint::Footprint;
use goals::Goal;
use jobs::Jobs;
use measured::Measured;
use peers::Peers;

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
  cargo xtask bench --accept                              after a change that costs what it should
  cargo xtask bench --builds                              builds, cold and warm")]
pub(crate) struct Arguments {
    /// Write the figures to FILE as JSON. `-` is standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a page with plots for a browser.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Make the counts of this run the baseline.
    #[arg(long)]
    accept: bool,
    /// Measure times for a shorter time; instruction counts stay exact.
    #[arg(long)]
    quick: bool,
    /// Measure instead what the first command on a fresh machine builds and runs, phase by
    /// phase, in an empty target directory; takes minutes.
    #[arg(long, conflicts_with_all = ["html", "accept", "quick"])]
    builds: bool,
}

/// All figures.
#[derive(Serialize)]
struct Figures {
    cases: Vec<Measured>,
    cycles: Cycles,
    jobs: Jobs,
    checkers: Checkers,
    unloads: Vec<unload::Row>,
    footprint: Vec<Footprint>,
    goals: Vec<Goal>,
    /// The counts that are not within the baseline, a sentence each.
    exceeded: Vec<String>,
    /// How the compilers differ from those of the baseline.
    other_compiler: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    let mut files = OutputFiles::default();
    files.add("--json", arguments.json.as_deref())?;
    files.add("--html", arguments.html.as_deref())?;
    let purpose = if arguments.builds {
        Purpose::Build
    } else {
        Purpose::Bench
    };
    match prerequisites::ensure(purpose)? {
        Outcome::Done => {}
        other => return Ok(other.into()),
    }
    let workspace = Workspace::checkout()?;
    if arguments.builds {
        return builds::run(&workspace, arguments.json.as_deref());
    }
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
    let jobs = jobs::run(&workspace, arguments.quick)?;
    print(jobs);
    let checkers = checkers::run(&workspace, arguments.quick)?;
    print(checkers);
    let peers = Peers::build(&workspace)?;
    let unloads = unload::run(&peers)?;
    print(format!(
        "An unload, from the call of DriverUnload to its return\n{}",
        unload::table(&unloads)
    ));
    let footprint = footprint::run(&workspace, &peers)?;
    print(format!(
        "Image and non-paged pool\n{}",
        footprint::table(&footprint)
    ));
    let mut goals = goals::of(&cases);
    goals.extend(jobs.goals());
    goals.extend(checkers.goals());
    goals.extend(unload::goals(&unloads));
    for goal in &goals {
        print(goal);
    }
    let mut counts: Vec<_> = cases.iter().filter_map(Measured::count).collect();
    counts.extend(unload::counts(&unloads));
    counts.extend(footprint::counts(&footprint));
    let baseline = Baseline::read(&workspace)?;
    let compilers = Compilers::find()?;
    let exceeded = baseline.exceeded(&counts);
    let other_compiler = baseline.other_compiler(&compilers);
    if arguments.accept {
        Baseline::of(&counts, compilers).write(&workspace)?;
    }
    let figures = Figures {
        cases,
        cycles,
        jobs,
        checkers,
        unloads,
        footprint,
        goals,
        exceeded,
        other_compiler,
    };
    if let Some(file) = &arguments.json {
        artifact::write_json(file, &figures)?;
    }
    if let Some(file) = &arguments.html {
        artifact::write(file, page::html(&figures).as_bytes())?;
    }
    Ok(verdict(&figures, arguments.accept))
}

/// A goal that is not met is said to be so, and fails nothing; a count above its baseline does.
fn verdict(figures: &Figures, accepted: bool) -> Verdict {
    let met = figures.goals.iter().filter(|goal| goal.met).count();
    let goals = format!("{met} of {}", count_of(&figures.goals, "goal", "goals"));
    match figures.exceeded.first() {
        Some(first) if !accepted => Verdict::fail(format!(
            "{} not within the baseline; first: {first}{}; `{PROGRAM} bench --accept` if it is worth that",
            count_of(&figures.exceeded, "count", "counts"),
            figures
                .other_compiler
                .as_ref()
                .map_or_else(String::new, |it| format!("; {it}"))
        )),
        Some(_) => Verdict::pass(format!(
            "the counts of this run are the baseline; {goals} met"
        )),
        None => Verdict::pass(format!("every count is within the baseline; {goals} met")),
    }
}
