// SPDX-License-Identifier: MIT OR Apache-2.0

//! A run, from its command line to its report.

use std::io;
use std::process::{self, ExitCode};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use channel::events::PLAIN;
use clap::Parser;
use scenarios::{Change, Counts, Cycle, Finding, Line, PROGRESS_INTERVAL, Report};

use crate::arguments::{Arguments, Mechanism};
use crate::loader::is_there;
use crate::output::{event, tell};
use crate::pair::{Pair, Stuck};
use crate::privilege;
use crate::tally::tally;
use crate::watch::Watch;
use crate::watchdog::Watchdog;

pub(crate) fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(wrong) if wrong.use_stderr() => {
            // The first line names what is wrong.
            let text = wrong.to_string();
            let line = text.lines().next().unwrap_or_default();
            eprintln!("{line}; --help lists what there is");
            return ExitCode::from(2);
        }
        Err(help) => help.exit(),
    };
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs the cycles; whether nothing was found.
fn run(arguments: &Arguments) -> Result<bool> {
    let last = arguments
        .first
        .checked_add(arguments.cycles)
        .context("--first and --cycles together are too large: use smaller numbers")?;
    anyhow::ensure!(
        arguments.wanted().is_possible(),
        "there is no such cycle here: choose another --only, or leave out --instances"
    );
    if arguments.by.contains(&Mechanism::Nt) {
        privilege::enable_load_driver()
            .context("the right to load drivers is refused: run as an administrator")?;
    }
    let mut pair = Pair::create(arguments)?;
    let mut watch = match Watch::open() {
        Ok(watch) => Some(watch),
        // A kernel whose registrar tells nothing.
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).context("the registrar's device cannot be opened"),
    };
    let mut report = Report::new(&arguments.tier, arguments.seed, arguments.cycles);
    let by = mechanisms(arguments, &mut report)?;
    let report = Arc::new(Mutex::new(report));
    let watchdog = watchdog(arguments, &report);
    let started = Instant::now();
    let mut told = started;
    for index in arguments.first..last {
        // What a cycle does goes by its number, too, but not by the sum of its digits.
        let by = by[index.count_ones() as usize % by.len()];
        watchdog.begin(index);
        let cycle = cycle(arguments, index);
        let mut counts = Counts::default();
        let result = one(
            arguments,
            index,
            &cycle,
            by,
            &mut pair,
            watch.as_mut(),
            &mut counts,
        )?;
        let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(()) => {
                report.add_cycle(cycle.order, &counts, 0);
            }
            Err(found) => {
                report.counts.add(&counts);
                report.add_finding(found);
                break;
            }
        }
        if told.elapsed() > PROGRESS_INTERVAL {
            told = Instant::now();
            tell(&Line::Progress(report.cycles_done))?;
        }
    }
    let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
    report.took(started.elapsed());
    tell(&Line::Report(Box::new(report.clone())))?;
    if report.is_clean() {
        pair.finish()?;
    }
    Ok(report.is_clean())
}

/// Those that this kernel has; the others are told.
fn mechanisms(arguments: &Arguments, report: &mut Report) -> Result<Vec<Mechanism>> {
    let mut there = Vec::new();
    for &by in &arguments.by {
        let name = by.name();
        if is_there(by).with_context(|| format!("{name} cannot be tried"))? {
            there.push(by);
        } else {
            report.mechanisms_absent.insert(name);
        }
    }
    anyhow::ensure!(
        !there.is_empty(),
        "this kernel has none of the mechanisms that --by names: add scm"
    );
    Ok(there)
}

fn cycle(arguments: &Arguments, index: u64) -> Cycle {
    let cycle = Cycle::draw(arguments.seed, index, arguments.wanted());
    match &arguments.script {
        Some(script) => cycle.with_script(script.clone()),
        None => cycle,
    }
}

/// Says that a cycle hangs, and ends this process: some of its threads never
/// will.
fn watchdog(arguments: &Arguments, report: &Arc<Mutex<Report>>) -> Watchdog {
    let report = Arc::clone(report);
    let (seed, patience) = (arguments.seed, arguments.patience);
    Watchdog::start(Duration::from_secs(patience), move |cycle| {
        let what = format!("a load or unload has not returned for {patience} seconds");
        let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
        report.add_finding(Finding::bare("hang", what, seed, cycle));
        // There is no more to be done than to end.
        let _ = tell(&Line::Report(Box::new(report.clone())));
        process::exit(1);
    })
}

/// Runs one cycle; the inner error is what was found.
fn one(
    arguments: &Arguments,
    index: u64,
    cycle: &Cycle,
    by: Mechanism,
    pair: &mut Pair<'_>,
    watch: Option<&mut Watch>,
    counts: &mut Counts,
) -> Result<Result<(), Finding>> {
    let seed = arguments.seed;
    let found = |code: &str, what| Finding::bare(code, what, seed, index);
    let lost = |error: io::Error| {
        let what = format!("the registrar does not answer any more: {error}");
        found("lost", what)
    };
    pair.set_up(cycle)?;
    if let Some(watch) = &watch {
        let seed = match arguments.script {
            Some(_) => PLAIN,
            None => seed.wrapping_add(index).min(PLAIN - 1),
        };
        if let Err(error) = watch.begin(seed) {
            return Ok(Err(lost(error)));
        }
    }
    if let Err(stuck) = pair.cycle(cycle, by, counts) {
        let (code, driver, what) = match stuck {
            Stuck::Change(action, why) => {
                let code = match action.change {
                    Change::Load => "load",
                    Change::Unload => "unload",
                };
                let driver = format!("{}.sys", action.instance);
                let what = format!("{driver} does not {code} by {}: {why}", by.name());
                (code, driver, what)
            }
            Stuck::Use(one, why) => {
                let driver = format!("{}.sys", one.instance);
                let what = format!("{driver} refuses a program ({:?}): {why}", one.usage);
                ("request", driver, what)
            }
            Stuck::Service(instance, why) => {
                let driver = format!("{instance}.sys");
                let what = format!("the service control manager, about {driver}: {why}");
                ("request", driver, what)
            }
        };
        return Ok(Err(Finding {
            driver,
            ..found(code, what)
        }));
    }
    let Some(watch) = watch else {
        return Ok(Ok(()));
    };
    let (header, records) = match watch.read() {
        Ok(told) => told,
        Err(error) => return Ok(Err(lost(error))),
    };
    tally(&header, &records, counts);
    if arguments.events {
        for record in &records {
            tell(&Line::Event(event(index, record)))?;
        }
    }
    if header.registered > 0 {
        let what = "a registration is left after both drivers have gone".to_owned();
        return Ok(Err(found("R29", what)));
    }
    anyhow::ensure!(
        header.lost == 0,
        "{} events of cycle {index} were lost: read more often",
        header.lost
    );
    Ok(Ok(()))
}
