// SPDX-License-Identifier: MIT OR Apache-2.0

//! Trials of modules under Wine, of those whose defect shows there.

use std::fmt;

use anyhow::Result;
use child::interrupt::{Graceful, interrupted};
use scenarios::{Finding, Report};
use wine::{Prefix, Run};

use super::catalogue::{Module, Role};
use super::workshop::Workshop;
use crate::building::wine_prefix;
use crate::terminal::{self, Outcome, Verdict, Word, begin_step, count_of, print};
use crate::workspace::Workspace;

/// The number of cycles in which a defect must be found.
const CYCLES: u64 = 60;
/// The number of cycles in which the corrected twin must be clean.
const TWIN_CYCLES: u64 = 10;

/// The `modules` whose defects show under Wine.
pub(crate) fn detectable<'a>(modules: &[&'a Module]) -> Vec<&'a Module> {
    let shows = |module: &&&Module| !module.wine.is_empty();
    modules.iter().filter(shows).copied().collect()
}

/// The result of one module.
struct WineRow<'a> {
    module: &'a Module,
    found: Report,
    twin: Report,
}

/// Tries the modules one after the other, in one prefix.
pub(crate) fn try_all(workspace: &Workspace, modules: &[&Module], seed: u64) -> Result<Verdict> {
    let Some(payload) = wine_prefix::payload(workspace)? else {
        return Ok(Outcome::Found.into());
    };
    let prefix = wine_prefix::create(workspace, &payload)?;
    let workshop = Workshop::open(workspace)?;
    let _graceful = Graceful::begin();
    let mut deviations = Vec::new();
    let mut done = 0_u64;
    for module in modules {
        begin_step(&format!("trying {} under Wine", module.name));
        let try_it = |defective, cycles| {
            let image = workshop.make(&module.recipe(defective))?;
            run(workspace, &prefix, module, &image, seed, cycles)
        };
        let row = WineRow {
            module,
            found: try_it(true, CYCLES)?,
            twin: try_it(false, TWIN_CYCLES)?,
        };
        if interrupted() {
            break;
        }
        done += 1;
        print(&row);
        deviations.extend(row.deviations());
    }
    for deviation in &deviations {
        terminal::error(deviation);
    }
    let tried = count_of(modules, "module", "modules");
    if interrupted() {
        let deviations = count_of(&deviations, "deviation", "deviations");
        let sentence = format!("{done} of {tried} under Wine: {deviations}");
        return Ok(Verdict::new(Word::Interrupted, sentence));
    }
    if let Some(first) = deviations.first() {
        let all = count_of(&deviations, "deviation", "deviations");
        return Ok(Verdict::fail(format!(
            "{all} from the catalogue in {tried} under Wine; first: {first}"
        )));
    }
    Ok(Verdict::pass(format!(
        "{tried} under Wine: each defect is found, each corrected twin is clean"
    )))
}

fn run(
    workspace: &Workspace,
    prefix: &Prefix,
    module: &Module,
    image: &std::path::Path,
    seed: u64,
    cycles: u64,
) -> Result<Report> {
    let peer = workspace.driver(module.role.peer().name());
    let (provider, client) = match module.role {
        Role::Provider => (image, &*peer),
        Role::Client => (&*peer, image),
    };
    let settings = module.settings().into_iter();
    // The program under Wine injects no failure: there is no scenario to exclude.
    let settings = settings.filter(|option| !option.starts_with("--without="));
    let options: Vec<_> = settings.chain(["--patience=5".to_owned()]).collect();
    let run = Run {
        provider,
        client,
        tier: wine_prefix::TIER,
        seed,
        first: 0,
        cycles,
        options: &options,
    };
    run.perform(prefix, |_| {}).map(|ran| ran.report)
}

impl WineRow<'_> {
    fn finding(&self) -> Option<&Finding> {
        self.found.findings.first()
    }

    /// The deviations from the catalogue.
    fn deviations(&self) -> Vec<String> {
        let name = &self.module.name;
        let peer = format!("{}.sys", self.module.role.peer().name());
        let mut deviations = Vec::new();
        match self.finding() {
            None => deviations.push(format!("{name}: not found in {CYCLES} cycles under Wine")),
            Some(found) if !self.module.wine.contains(&found.code) => {
                deviations.push(format!(
                    "{name}: found under Wine with another symptom: {found}"
                ));
            }
            Some(found) if found.driver == peer => {
                deviations.push(format!(
                    "{name}: found under Wine in another driver: {found}"
                ));
            }
            Some(_) => {}
        }
        let alarms = self.twin.findings.iter();
        deviations.extend(alarms.map(|alarm| format!("{name}-twin: a false alarm: {alarm}")));
        if self.twin.findings.is_empty() && !self.twin.is_clean() {
            deviations.push(format!("{name}-twin: ran too few cycles under Wine"));
        }
        deviations
    }
}

impl fmt::Display for WineRow<'_> {
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
