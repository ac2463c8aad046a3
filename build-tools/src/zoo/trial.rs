// SPDX-License-Identifier: MIT OR Apache-2.0

//! One module put to the test, and the row of the table that it makes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use scenarios::{Finding, Report};
use serde::{Deserialize, Serialize};

use super::catalogue::{Module, Role};
use super::workshop::{Variant, Workshop};
use crate::replay::{Image, Line};
use crate::stress::build_sim;
use crate::workspace::Workspace;

/// Each module has one peer: all defects show with that.
const PAIR: &str = "--instances=1x1";

/// What trials need.
pub(super) struct Bench {
    sim: PathBuf,
    drivers: PathBuf,
    workshop: Workshop,
    seed: u64,
    schedules: u64,
}

/// What came of a module.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    name: String,
    defect: String,
    source: String,
    /// The schedules that it took to find the defect.
    schedules: Option<u64>,
    finding: Option<Finding>,
    /// The line that `cargo xtask replay` shows it with.
    replay: Option<String>,
    /// Whether the finding is the one that the catalogue asks for.
    expected: bool,
    /// What was found without preemption although it should take that.
    unpreempted: Option<Finding>,
    /// The schedules in which the twin was clean, and what was found in it.
    twin_schedules: u64,
    false_alarm: Option<Finding>,
}

/// What `sim` prints last.
#[derive(Deserialize)]
struct Last {
    report: Report,
}

impl Bench {
    /// Builds the simulated kernel; the drivers must be there.
    pub(super) fn new(workspace: &Workspace, seed: u64, schedules: u64) -> Result<Self> {
        Ok(Self {
            sim: build_sim(workspace)?,
            drivers: workspace.drivers(),
            workshop: Workshop::open(workspace)?,
            seed,
            schedules,
        })
    }

    pub(super) fn try_one(&self, module: &Module) -> Result<Row> {
        let defective = self.workshop.make(module, Variant::Defective)?;
        let twin = self.workshop.make(module, Variant::Corrected)?;
        let found = self.run(module.role, &defective, module.preempt)?;
        let clean = self.run(module.role, &twin, module.preempt)?;
        let mut unpreempted = None;
        if module.preempt {
            let run = self.run(module.role, &defective, false)?;
            unpreempted = run.findings.into_iter().next();
        }
        let finding = found.findings.into_iter().next();
        Ok(Row {
            name: module.name().to_owned(),
            defect: module.defect.clone(),
            source: module.source.clone(),
            schedules: finding.as_ref().map(|_| found.cycles_done),
            replay: finding.as_ref().map(|it| replay(module, it)),
            expected: finding.as_ref().is_some_and(|it| is_expected(module, it)),
            finding,
            unpreempted,
            twin_schedules: clean.cycles_done,
            false_alarm: clean.findings.into_iter().next(),
        })
    }

    /// Runs an image against its counterpart, until something is found.
    fn run(&self, role: Role, image: &Path, preempt: bool) -> Result<Report> {
        let peer = match role {
            Role::Provider => Role::Client,
            Role::Client => Role::Provider,
        };
        let counterpart = self.drivers.join(peer.name()).with_extension("sys");
        let mut command = Command::new(&self.sim);
        command
            .arg(format!("--{}", role.name()))
            .arg(image)
            .arg(format!("--{}", peer.name()))
            .arg(counterpart)
            .args(["--seed", &self.seed.to_string()])
            .args(["--cycles", &self.schedules.to_string(), "--until-found"])
            .arg(PAIR)
            .args(preempt.then_some("--preempt"));
        let program = self.sim.display();
        let output = command
            .output()
            .with_context(|| format!("{program} cannot be run: see that it may be executed"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let last = text.lines().last().unwrap_or_default();
        match serde_json::from_str(last) {
            Ok(Last { report }) => Ok(report),
            Err(_) => bail!(
                "{} with {}: the simulated kernel ended with {} and no report: {}",
                image.display(),
                peer.name(),
                output.status,
                String::from_utf8_lossy(&output.stderr).trim()
            ),
        }
    }
}

fn is_expected(module: &Module, finding: &Finding) -> bool {
    let function = finding.place.as_ref().map(|place| &place.function);
    finding.driver == format!("{}.sys", module.name())
        && module.codes.contains(&finding.code)
        && (module.functions.is_empty()
            || function.is_some_and(|function| module.functions.contains(function)))
}

fn replay(module: &Module, finding: &Finding) -> String {
    let mut line = Line::new(finding.seed, finding.cycle);
    let image = Some(Image::Zoo(module.name().to_owned()));
    match module.role {
        Role::Provider => line.provider = image,
        Role::Client => line.client = image,
    }
    line.options.push(PAIR.to_owned());
    line.options
        .extend(module.preempt.then(|| "--preempt".to_owned()));
    line.to_string()
}

/// What a finding is and where, in short.
fn short(finding: &Finding) -> String {
    match &finding.place {
        Some(place) => format!("{} {place}", finding.code),
        None => format!("{} {}", finding.code, finding.driver),
    }
}

impl Row {
    pub(super) fn heading() -> String {
        line("module", "after", "finding", "defect (source)")
    }

    /// What is not as it should be.
    pub(super) fn faults(&self) -> Vec<String> {
        let name = &self.name;
        let mut faults = Vec::new();
        match &self.finding {
            None => faults.push(format!("{name}: not found")),
            Some(finding) if !self.expected => {
                faults.push(format!("{name}: found as something else: {finding}"));
            }
            Some(_) => {}
        }
        if let Some(early) = &self.unpreempted {
            faults.push(format!("{name}: found without preemption: {early}"));
        }
        if let Some(alarm) = &self.false_alarm {
            faults.push(format!("{name}: false alarm in its twin: {alarm}"));
        }
        faults
    }
}

fn line(name: &str, after: &str, finding: &str, defect: &str) -> String {
    format!("{name:<31} {after:>5}  {finding:<62} {defect}")
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = self.schedules.map_or("-".to_owned(), |n| n.to_string());
        let finding = self.finding.as_ref().map_or("nothing".to_owned(), short);
        let twin = match &self.false_alarm {
            Some(alarm) => format!(" TWIN: {}", short(alarm)),
            None => String::new(),
        };
        let defect = format!("{} ({}){twin}", self.defect, self.source);
        f.write_str(&line(&self.name, &after, &finding, &defect))
    }
}
