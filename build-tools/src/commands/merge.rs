// SPDX-License-Identifier: MIT OR Apache-2.0

//! `merge`: merges the reports of a run's shards into one.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::exchange::ExchangePaths;
use crate::stress::summary::Detail;
use crate::stress::{ReportPaths, merge};
use crate::terminal::Verdict;
use crate::workspace::{OutputFiles, Workspace};

#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask stress --cycles 8000 --seed 3 --shard 1/2 --json 1.json   on one machine
  cargo xtask stress --cycles 8000 --seed 3 --shard 2/2 --json 2.json   on another
  cargo xtask merge 1.json 2.json --json all.json                       as if one had run all")]
pub(crate) struct Arguments {
    /// The reports, as `stress --json` has written them, in any order.
    #[arg(required = true, value_name = "REPORT")]
    reports: Vec<PathBuf>,
    /// Write the merged report to FILE as JSON. `-` is standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write it as a page for a browser.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[arg(long, value_name = "FILE", help = "Write it as JUnit XML")]
    junit: Option<PathBuf>,
    /// Write the findings as a SARIF log.
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
    /// Print all counts, what was not covered, and what cannot be covered and why.
    #[arg(long)]
    verbose: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    let workspace = Workspace::find()?;
    let mut files = OutputFiles::default();
    for report in &arguments.reports {
        files.reserve("a report to merge", report);
    }
    let outputs = [
        ("--json", &arguments.json),
        ("--html", &arguments.html),
        ("--junit", &arguments.junit),
        ("--sarif", &arguments.sarif),
    ];
    for (option, file) in outputs {
        files.add(option, file.as_deref())?;
    }
    let detail = if arguments.verbose {
        Detail::All
    } else {
        Detail::Short
    };
    let paths = ReportPaths {
        json: arguments.json.as_deref(),
        html: arguments.html.as_deref(),
        exchange: ExchangePaths {
            junit: arguments.junit.as_deref(),
            sarif: arguments.sarif.as_deref(),
            step_summary: None,
        },
    };
    merge::merge(&workspace, &arguments.reports, detail, paths)
}
