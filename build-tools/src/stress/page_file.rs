// SPDX-License-Identifier: MIT OR Apache-2.0

//! The report of a stress run as a page: `target/report/index.html` after each run, and
//! the file of `--html`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use scenarios::{Coverage, Finding, Report};

use super::StressPlan;
use super::summary::faults;
use crate::page::Page;
use crate::terminal::{Verdict, print};
use crate::workspace::{Workspace, artifact};

/// What the page shows of a run beside its report.
pub(super) struct PageFile<'a> {
    report: &'a Report,
    verdict: &'a Verdict,
    /// The command that runs everything again.
    command: String,
    /// Returns the command that runs a cycle again.
    again: &'a dyn Fn(u64) -> String,
    pub(super) coverage: Option<&'a Coverage>,
    /// Returns the diagram of a finding's cycle as SVG, if it can be drawn; the number is the
    /// room for it in bytes.
    pub(super) diagram: &'a dyn Fn(&Finding, usize) -> Option<String>,
}

impl<'a> PageFile<'a> {
    /// The page of a run of this plan.
    pub(super) fn new(
        report: &'a Report,
        verdict: &'a Verdict,
        plan: &StressPlan,
        again: &'a dyn Fn(u64) -> String,
    ) -> Self {
        Self {
            report,
            verdict,
            command: plan.command(plan.first, plan.cycles),
            again,
            coverage: None,
            diagram: &|_, _| None,
        }
    }

    /// Writes the page below the target directory, and to the file that is asked for.
    pub(super) fn write(&self, workspace: &Workspace, html: Option<&Path>) -> Result<()> {
        let page = Page {
            report: self.report,
            coverage: self.coverage,
            faults: faults::table(self.report),
            verdict: self.verdict,
            command: &self.command,
            again: self.again,
            diagram: self.diagram,
            sources: workspace.root(),
        };
        let text = page.html();
        let latest = workspace.latest_page();
        if let Some(latest) = &latest {
            let directory = artifact::directory_of(latest);
            fs::create_dir_all(directory).with_context(|| {
                format!("{} cannot be made: free the path", directory.display())
            })?;
        }
        for path in latest.as_deref().into_iter().chain(html) {
            artifact::write(path, text.as_bytes())?;
        }
        if let Some(path) = html.or(latest.as_deref()) {
            print(format!("report: {}", workspace.shown(path)));
        }
        Ok(())
    }
}
