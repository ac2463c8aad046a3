// SPDX-License-Identifier: MIT OR Apache-2.0

//! The report of a stress run as a page: `target/report/index.html` after each run, and
//! the file of `--html`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use scenarios::{Coverage, Report};

use super::StressPlan;
use super::summary::{faults, plural};
use crate::page::Page;
use crate::terminal::print;
use crate::workspace::{Workspace, artifact};

/// What the page shows of a run beside its report.
pub(super) struct PageFile<'a> {
    pub(super) report: &'a Report,
    pub(super) coverage: Option<&'a Coverage>,
    pub(super) not_tested: Option<&'a str>,
    /// The command that runs everything again.
    pub(super) command: String,
    /// Returns the command that runs a cycle again.
    pub(super) again: &'a dyn Fn(u64) -> String,
}

impl<'a> PageFile<'a> {
    /// The page of a run of this plan, of which nothing is known but the report.
    pub(super) fn new(
        report: &'a Report,
        plan: &StressPlan,
        again: &'a dyn Fn(u64) -> String,
    ) -> Self {
        Self {
            report,
            coverage: None,
            not_tested: None,
            command: plan.command(plan.first, plan.cycles),
            again,
        }
    }

    /// Writes the page below the target directory, and to the file that is asked for.
    pub(super) fn write(&self, workspace: &Workspace, html: Option<&Path>) -> Result<()> {
        let verdict = verdict(self.report, self.not_tested);
        let page = Page {
            report: self.report,
            coverage: self.coverage,
            faults: faults::table(self.report),
            verdict: &verdict,
            not_tested: self.not_tested,
            command: &self.command,
            again: self.again,
            diagram: &|_| None,
            sources: workspace.root(),
        };
        let text = page.html();
        let latest = workspace.target().join("report/index.html");
        let directory = artifact::directory_of(&latest);
        fs::create_dir_all(directory)
            .with_context(|| format!("{} cannot be made: free the path", directory.display()))?;
        artifact::write(&latest, text.as_bytes())?;
        if let Some(path) = html {
            artifact::write(path, text.as_bytes())?;
        }
        print(format!("report: {}", html.unwrap_or(&latest).display()));
        Ok(())
    }
}

/// The verdict in a sentence.
fn verdict(report: &Report, not_tested: Option<&str>) -> String {
    let cycles = plural_of(report.cycles_done, "cycle", "cycles");
    let seed = report.seed;
    match (&report.findings[..], not_tested) {
        ([first, ..], _) => {
            let count = report.findings.len();
            let noun = plural(count, "finding", "findings");
            let driver = &first.driver;
            let place = first.place.as_ref().map(|place| format!(" {place}"));
            let place = place.unwrap_or_default();
            format!(
                "FAIL  {count} {noun} in {cycles}, seed {seed}; first: {} {driver}{place}",
                first.code
            )
        }
        ([], _) if !report.unsupported.is_empty() => format!(
            "UNSUPPORTED  {} of {cycles} were cut short, seed {seed}",
            report.cut_short()
        ),
        ([], Some(why)) => format!("NOT TESTED  {why}, seed {seed}"),
        ([], None) if report.is_clean() => format!("PASS  {cycles}: 0 findings, seed {seed}"),
        ([], None) => format!(
            "INCOMPLETE  {cycles} of {}, seed {seed}",
            report.cycles_requested
        ),
    }
}

fn plural_of(count: u64, one: &'static str, many: &'static str) -> String {
    let noun = if count == 1 { one } else { many };
    format!("{count} {noun}")
}
