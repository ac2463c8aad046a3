// SPDX-License-Identifier: MIT OR Apache-2.0

//! The modules of the zoo under Wine: those whose defect shows there.

use std::fmt;

use anyhow::{Context, Result};
use scenarios::{Finding, Report};
use wine::{Prefix, Run};

use super::catalogue::{Module, Role};
use super::workshop::Workshop;
use crate::on_wine;
use crate::outcome::Outcome;
use crate::screen::{self, say};
use crate::workspace::Workspace;

/// In how many cycles a defect must be found.
const CYCLES: u64 = 60;
/// In how many its twin must be clean.
const TWIN_CYCLES: u64 = 10;

/// Those of `modules` that show under Wine.
pub(super) fn shown<'a>(modules: &[&'a Module]) -> Vec<&'a Module> {
    let shows = |module: &&&Module| !module.wine.is_empty();
    modules.iter().filter(shows).copied().collect()
}

/// What came of a module.
struct Row<'a> {
    module: &'a Module,
    found: Report,
    twin: Report,
}

/// Tries the modules one after the other, in one prefix.
pub(super) fn try_all(workspace: &Workspace, modules: &[&Module], seed: u64) -> Result<Outcome> {
    let Some(kit) = on_wine::kit(workspace)? else {
        return Ok(Outcome::Found);
    };
    let prefix = on_wine::prefix(workspace, &kit)?;
    let workshop = Workshop::open(workspace)?;
    let mut faults = Vec::new();
    for module in modules {
        let try_it = |defective, cycles| {
            let image = workshop.make(&module.recipe(defective))?;
            run(workspace, &prefix, module, &image, seed, cycles)
        };
        let row = Row {
            module,
            found: try_it(true, CYCLES)?,
            twin: try_it(false, TWIN_CYCLES)?,
        };
        say(&row);
        faults.extend(row.faults());
    }
    for fault in &faults {
        screen::error(fault);
    }
    if !faults.is_empty() {
        return Ok(Outcome::Found);
    }
    say(format!(
        "each of {} was found under Wine, and every twin is clean",
        modules.len()
    ));
    Ok(Outcome::Done)
}

/// Whether `stress` fails with this module, which faults in its own image, and
/// says that it does.
pub(super) fn crash_is_told(workspace: &Workspace, module: &Module) -> Result<bool> {
    let image = Workshop::open(workspace)?.make(&module.recipe(true))?;
    let role = |role: Role| workspace.drivers().join(role.name()).with_extension("sys");
    // By cargo, as a user would: the file of this program may have been replaced
    // by the build of a test.
    let output = workspace
        .cargo()
        .args([
            "xtask", "stress", "--on", "wine", "--jobs", "1", "--seed", "1",
        ])
        // Others are copies with names of their own.
        .arg("--instances=1x1")
        .args(["--cycles", &CYCLES.to_string()])
        .arg(format!("--{}", module.role.name()))
        .arg(&image)
        .arg(format!("--{}", module.role.peer().name()))
        .arg(role(module.role.peer()))
        .output()
        .context("cargo cannot be run")?;
    let told = String::from_utf8_lossy(&output.stdout);
    let named = format!("fault {}.sys+", module.role.name());
    if output.status.code() == Some(1) && told.contains(&named) {
        return Ok(true);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    screen::error(format!(
        "{}: `stress` ended with {} and did not say `{named}`: {told}{said}",
        module.name, output.status
    ));
    Ok(false)
}

fn run(
    workspace: &Workspace,
    prefix: &Prefix,
    module: &Module,
    image: &std::path::Path,
    seed: u64,
    cycles: u64,
) -> Result<Report> {
    let peer = workspace
        .drivers()
        .join(module.role.peer().name())
        .with_extension("sys");
    let (provider, client) = match module.role {
        Role::Provider => (image, &*peer),
        Role::Client => (&*peer, image),
    };
    let setting = module.setting().into_iter();
    // No scenario is left out: nothing fails on purpose here.
    let setting = setting.filter(|option| !option.starts_with("--without="));
    let options: Vec<_> = setting.chain(["--patience=5".to_owned()]).collect();
    let run = Run {
        provider,
        client,
        tier: on_wine::TIER,
        seed,
        first: 0,
        cycles,
        options: &options,
    };
    run.perform(prefix, |_| {}).map(|ran| ran.report)
}

impl Row<'_> {
    fn finding(&self) -> Option<&Finding> {
        self.found.findings.first()
    }

    /// What is not as it should be.
    fn faults(&self) -> Vec<String> {
        let name = &self.module.name;
        let peer = format!("{}.sys", self.module.role.peer().name());
        let mut faults = Vec::new();
        match self.finding() {
            None => faults.push(format!("{name}: not found in {CYCLES} cycles under Wine")),
            Some(found) if !self.module.wine.contains(&found.code) => {
                faults.push(format!(
                    "{name}: found under Wine as something else: {found}"
                ));
            }
            Some(found) if found.driver == peer => {
                faults.push(format!(
                    "{name}: found under Wine in another driver: {found}"
                ));
            }
            Some(_) => {}
        }
        let alarms = self.twin.findings.iter();
        faults.extend(alarms.map(|alarm| format!("{name}-twin: a false alarm: {alarm}")));
        if self.twin.findings.is_empty() && !self.twin.is_clean() {
            faults.push(format!("{name}-twin: ran too few cycles under Wine"));
        }
        faults
    }
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<32} ", self.module.name)?;
        match self.finding() {
            Some(found) => {
                let place = found
                    .offset
                    .map_or_else(String::new, |at| format!("+{at:#x}"));
                write!(
                    f,
                    "{:>4} {:<6} {}{place}: {}",
                    found.cycle + 1,
                    found.code,
                    found.driver,
                    found.what
                )
            }
            None => write!(f, "   - nothing"),
        }
    }
}
