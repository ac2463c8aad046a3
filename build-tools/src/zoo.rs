// SPDX-License-Identifier: MIT OR Apache-2.0

//! `zoo`: shows that the simulated kernel finds each known defect, as what it
//! is and where it is, and finds nothing in the same module without it.
//!
//! A module of `tests/zoo` runs against the driver of this project that is its
//! counterpart; `tests/zoo/zoo.toml` says what must come of it.

mod catalogue;
mod known;
mod row;
mod trial;
mod under_wine;
mod workshop;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::de::DeserializeOwned;

use crate::outcome::Outcome;
use crate::parts::Purpose;
use crate::screen::{self, say};
use crate::stress::check_writable;
use crate::tier::Tier;
use crate::workspace::Workspace;
use crate::{artifact, build, setup};
pub(crate) use catalogue::Catalogue;
use catalogue::Module;
use known::Known;
use row::Row;
use trial::Bench;
pub(crate) use workshop::Workshop;

/// What choices are drawn from unless something else is asked for.
const SEED: u64 = 1;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The modules to try; all unless given.
    names: Vec<String>,
    /// In how many schedules a defect must be found, and its twin be clean.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    schedules: u64,
    /// What all choices are drawn from.
    #[arg(long, value_name = "S", default_value_t = SEED)]
    seed: u64,
    /// Where to write the table.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where to try them: in the simulated kernel, or under Wine, which shows
    /// some.
    #[arg(long, value_name = "WHERE", default_value = "sim", conflicts_with_all = ["schedules", "json"])]
    on: Tier,
    /// Print the modules and their defects, and what they are examples of; try none.
    #[arg(long, conflicts_with_all = ["schedules", "seed", "json"])]
    list: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    ensure!(
        arguments.schedules > 0,
        "--schedules 0 would show nothing: ask for at least 1"
    );
    if let Some(path) = &arguments.json {
        check_writable(path)?;
    }
    let workspace = Workspace::find()?;
    let catalogue = Catalogue::read(&workspace)?;
    let modules = catalogue.named(&arguments.names)?;
    if arguments.list {
        return list(&workspace, &catalogue, &modules);
    }
    let purpose = match &arguments.on {
        Tier::Sim => Purpose::Check,
        Tier::Wine => Purpose::Wine,
        Tier::Vm(name) => bail!(
            "the zoo is tried in the simulated kernel and under Wine: cargo xtask stress --on \
             vm:{name} --provider target/zoo/NAME.sys runs one module on a machine"
        ),
    };
    match setup::ensure(purpose)? {
        Outcome::Done => {}
        other => return Ok(other),
    }
    let built = build::run()?;
    if built != Outcome::Done {
        return Ok(built);
    }
    if arguments.on == Tier::Wine {
        let modules: Vec<_> = if arguments.names.is_empty() {
            under_wine::shown(&modules)
        } else {
            modules
        };
        return under_wine::try_all(&workspace, &modules, arguments.seed);
    }
    let bench = Bench::new(&workspace, &catalogue, arguments.seed, arguments.schedules)?;
    judge(&try_all(&bench, &modules)?, arguments.json.as_deref())
}

/// A short run for tests, with the drivers as they were built last; whether all
/// is as it should be.
pub(crate) fn passes(workspace: &Workspace) -> Result<bool> {
    /// Enough for every defect under the seed that is the default.
    const SCHEDULES: u64 = 250;

    let catalogue = Catalogue::read(workspace)?;
    let bench = Bench::new(workspace, &catalogue, SEED, SCHEDULES)?;
    let rows = try_all(&bench, &catalogue.named(&[])?)?;
    Ok(judge(&rows, None)? == Outcome::Done)
}

/// The same under Wine, of what shows there.
pub(crate) fn passes_under_wine(workspace: &Workspace) -> Result<bool> {
    let catalogue = Catalogue::read(workspace)?;
    let modules = under_wine::shown(&catalogue.named(&[])?);
    Ok(under_wine::try_all(workspace, &modules, SEED)? == Outcome::Done)
}

/// Whether a driver whose image is touched after its unload makes `stress` name
/// it and fail.
pub(crate) fn crash_is_told_under_wine(workspace: &Workspace) -> Result<bool> {
    let catalogue = Catalogue::read(workspace)?;
    let [module] = catalogue.named(&["thread_left".to_owned()])?[..] else {
        bail!("one module has that name");
    };
    under_wine::crash_is_told(workspace, module)
}

/// Reads one of the zoo's tables.
fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read: restore it", path.display()))?;
    let error = || format!("{} is not as it must be: correct it", path.display());
    toml::from_str(&text).with_context(error)
}

/// Prints the modules; if they are all, then also what they are examples of.
fn list(workspace: &Workspace, catalogue: &Catalogue, modules: &[&Module]) -> Result<Outcome> {
    for module in modules {
        say(module);
    }
    if modules.len() == catalogue.module.len() {
        say("");
        for peer in &catalogue.peer {
            say(peer);
        }
        say("");
        for entry in Known::read(workspace)?.index(catalogue) {
            say(entry);
        }
    }
    Ok(Outcome::Done)
}

/// Tries the modules side by side; tells of each in their order.
fn try_all(bench: &Bench, modules: &[&Module]) -> Result<Vec<Row>> {
    let started = Instant::now();
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let mut rows = Vec::new();
    say(Row::heading());
    thread::scope(|scope| {
        for _ in 0..processors {
            let sender = sender.clone();
            let next = &next;
            scope.spawn(move || {
                while let Some(module) = modules.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if sender.send((&module.name, bench.try_one(module))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        for (name, row) in receiver {
            early.insert(name, row);
            while let Some(row) = modules
                .get(rows.len())
                .and_then(|module| early.remove(&module.name))
            {
                let row = row?;
                say(&row);
                rows.push(row);
            }
        }
        anyhow::Ok(())
    })?;
    say(format!(
        "{} defects and their twins in {:.0} s",
        rows.len(),
        started.elapsed().as_secs_f64()
    ));
    Ok(rows)
}

fn judge(rows: &[Row], json: Option<&Path>) -> Result<Outcome> {
    if let Some(path) = json {
        let mut text = serde_json::to_string_pretty(rows)?;
        text.push('\n');
        artifact::write(path, text.as_bytes())?;
    }
    let faults: Vec<_> = rows.iter().flat_map(Row::faults).collect();
    for fault in &faults {
        screen::error(fault);
    }
    if !faults.is_empty() {
        return Ok(Outcome::Found);
    }
    say("each was found as expected, and every twin is clean");
    Ok(Outcome::Done)
}
