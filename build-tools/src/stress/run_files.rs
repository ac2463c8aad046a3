// SPDX-License-Identifier: MIT OR Apache-2.0

//! The files that a run writes: the report as JSON, as a page, and for other tools.

use std::path::Path;

use anyhow::Result;
use scenarios::{Coverage, Finding, Report};

use super::inputs::Inputs;
use super::page_file::PageFile;
use super::report_file::{MachineFacts, ReportFile};
use super::{StressPlan, Tier};
use crate::exchange::{Exchange, ExchangePaths};
use crate::terminal::Verdict;
use crate::workspace::Workspace;

/// The files to write.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReportPaths<'a> {
    /// As JSON.
    pub(crate) json: Option<&'a Path>,
    /// As a page.
    pub(crate) html: Option<&'a Path>,
    /// In the formats of other tools.
    pub(crate) exchange: ExchangePaths<'a>,
}

/// What is written of a run.
pub(super) struct RunFiles<'a> {
    pub(super) report: &'a Report,
    pub(super) verdict: &'a Verdict,
    pub(super) plan: &'a StressPlan,
    /// Returns the command that runs a cycle of a seed again.
    pub(super) again: &'a dyn Fn(u64, u64) -> String,
    pub(super) coverage: Option<&'a Coverage>,
    /// What the run depends on, if it was in the simulated kernel.
    pub(super) inputs: Option<&'a Inputs>,
    pub(super) guest: Option<&'a MachineFacts>,
    /// `true` if the kernel of the run checks the rules of NMR.
    pub(super) checks_rules: bool,
    /// Returns the diagram of a finding's cycle as SVG, if it can be drawn; the number is the
    /// room for it in bytes.
    pub(super) diagram: &'a dyn Fn(&Finding, usize) -> Option<String>,
}

impl<'a> RunFiles<'a> {
    /// The files of a run of which only the report is known.
    pub(super) const fn new(
        report: &'a Report,
        verdict: &'a Verdict,
        plan: &'a StressPlan,
        again: &'a dyn Fn(u64, u64) -> String,
    ) -> Self {
        Self {
            report,
            verdict,
            plan,
            again,
            coverage: None,
            inputs: None,
            guest: None,
            checks_rules: true,
            diagram: &|_, _| None,
        }
    }

    /// Writes all of them.
    pub(super) fn write(&self, workspace: &Workspace, paths: ReportPaths<'_>) -> Result<()> {
        let Self {
            report,
            verdict,
            plan,
            ..
        } = self;
        let mut file = ReportFile::new(report, verdict);
        file.coverage = self.coverage;
        file.run = self.inputs;
        file.guest = self.guest;
        file.write(paths.json)?;
        let again = |cycle| (self.again)(report.seed, cycle);
        let mut page = PageFile::new(report, verdict, plan, &again);
        page.coverage = self.coverage;
        page.diagram = self.diagram;
        page.write(workspace, paths.html)?;
        Exchange {
            report,
            verdict,
            checks_rules: self.checks_rules,
            command: &plan.command(plan.first, plan.cycles),
            again: self.again,
            root: workspace.root(),
        }
        .write(paths.exchange)
    }
}

/// Writes the files of a run of this plan that a signal has ended before its first cycle.
pub(crate) fn write_unbegun(
    workspace: &Workspace,
    plan: &StressPlan,
    paths: ReportPaths<'_>,
    verdict: &Verdict,
) -> Result<()> {
    let mut report = Report::new(plan.tier.name(), plan.seed, plan.cycles);
    // The simulated kernel looks for leaks, and has found none.
    report.counts.leaks = (plan.tier == Tier::Sim).then_some(0);
    let coverage = Coverage::of(&report);
    let again = |seed, cycle| plan.command_with_seed(seed, cycle, 1);
    let mut files = RunFiles::new(&report, verdict, plan, &again);
    files.coverage = (plan.tier == Tier::Sim).then_some(&coverage);
    files.write(workspace, paths)
}
