// SPDX-License-Identifier: MIT OR Apache-2.0

//! A run: from the command line to the report.

use std::io;
use std::process::{self, ExitCode};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use channel::events::PLAIN;
use clap::Parser;
use scenarios::{Change, Counts, Cycle, Finding, Line, PROGRESS_INTERVAL, Report};

use crate::arguments::{Arguments, Mechanism};
use crate::event_counts::count_events;
use crate::loader::is_available;
use crate::output::{event, print};
use crate::pair::{CycleFailure, Pair};
use crate::privilege::{self, Privilege};
use crate::registrar_events::RegistrarEvents;
use crate::watchdog::Watchdog;

pub(crate) fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(wrong) if wrong.use_stderr() => {
            // The first line names the error.
            let text = wrong.to_string();
            let line = text.lines().next().unwrap_or_default();
            eprintln!("{line}; see --help");
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

/// Runs the cycles. Returns `true` if nothing was found.
fn run(arguments: &Arguments) -> Result<bool> {
    let last = arguments
        .first
        .checked_add(arguments.cycles)
        .context("--first and --cycles together are too large: use smaller numbers")?;
    anyhow::ensure!(
        arguments.cycle_filter().is_possible(),
        "no cycle is possible: choose another --only, or leave out --instances"
    );
    if let Some(script) = &arguments.script {
        if let Some(part) = script.simulated_part(arguments.restart) {
            anyhow::bail!(
                "only the simulated kernel has a step like {part}: leave it out of --script"
            );
        }
        anyhow::ensure!(
            !script.shuts_down() || arguments.cycles == 1,
            "a restart ends the run: use --cycles=1"
        );
    }
    if arguments.restart || arguments.by.contains(&Mechanism::Nt) {
        privilege::enable(Privilege::LoadDriver)
            .context("SeLoadDriverPrivilege is refused: run as administrator")?;
    }
    let mut pair = Pair::create(arguments)?;
    let mut registrar = match RegistrarEvents::open() {
        Ok(registrar) => Some(registrar),
        // A registrar without events, as on Windows.
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).context("the registrar's device cannot be opened"),
    };
    let mut report = Report::new(&arguments.tier, arguments.seed, arguments.cycles);
    let by = mechanisms(arguments, &mut report)?;
    let report = Arc::new(Mutex::new(report));
    let watchdog = watchdog(arguments, &report);
    let started = Instant::now();
    let mut printed = started;
    for index in arguments.first..last {
        // The number of one bits does not correlate with the cycle's script.
        let by = by[index.count_ones() as usize % by.len()];
        watchdog.begin(index);
        let cycle = cycle(arguments, index);
        let mut counts = Counts::default();
        if cycle.script().shuts_down() {
            // It may end with this program.
            let mut done = report
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            done.add_cycle(cycle.order, &counts, 0);
            print(&Line::Report(Box::new(done)))?;
        }
        let result = run_cycle(
            arguments,
            index,
            &cycle,
            by,
            &mut pair,
            registrar.as_mut(),
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
        if printed.elapsed() > PROGRESS_INTERVAL {
            printed = Instant::now();
            print(&Line::Progress(report.cycles_done))?;
        }
    }
    let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
    report.took(started.elapsed());
    print(&Line::Report(Box::new(report.clone())))?;
    if report.is_clean() {
        pair.finish()?;
    }
    Ok(report.is_clean())
}

/// The mechanisms that this kernel has; the others are entered into the report.
fn mechanisms(arguments: &Arguments, report: &mut Report) -> Result<Vec<Mechanism>> {
    let mut available = Vec::new();
    for &by in &arguments.by {
        let name = by.name();
        if is_available(by).with_context(|| format!("{name} cannot be tried"))? {
            available.push(by);
        } else {
            report.mechanisms_absent.insert(name);
        }
    }
    anyhow::ensure!(
        !available.is_empty(),
        "this kernel has none of the mechanisms that --by names: add scm"
    );
    Ok(available)
}

fn cycle(arguments: &Arguments, index: u64) -> Cycle {
    let cycle = Cycle::draw(arguments.seed, index, arguments.cycle_filter());
    match &arguments.script {
        Some(script) => cycle.with_script(script.clone()),
        None => cycle,
    }
}

/// Reports a hung cycle, and ends this process: some of its threads never return.
fn watchdog(arguments: &Arguments, report: &Arc<Mutex<Report>>) -> Watchdog {
    let report = Arc::clone(report);
    let (seed, patience) = (arguments.seed, arguments.patience);
    Watchdog::start(Duration::from_secs(patience), move |cycle| {
        let what = format!("a load or unload has not returned for {patience} seconds");
        let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
        report.add_finding(Finding::bare("hang", what, seed, cycle));
        // After an error only the exit status tells.
        let _ = print(&Line::Report(Box::new(report.clone())));
        process::exit(1);
    })
}

/// Runs one cycle; the inner error is a finding.
fn run_cycle(
    arguments: &Arguments,
    index: u64,
    cycle: &Cycle,
    by: Mechanism,
    pair: &mut Pair<'_>,
    registrar: Option<&mut RegistrarEvents>,
    counts: &mut Counts,
) -> Result<Result<(), Finding>> {
    let seed = arguments.seed;
    let found = |code: &str, what| Finding {
        scenarios: [cycle.order.scenario().to_string()].into(),
        ..Finding::bare(code, what, seed, index)
    };
    let lost = |error: io::Error| {
        let what = format!("the registrar stopped answering: {error}");
        found("lost", what)
    };
    pair.set_up(cycle)?;
    if let Some(registrar) = &registrar {
        let seed = match arguments.script {
            Some(_) => PLAIN,
            None => seed.wrapping_add(index).min(PLAIN - 1),
        };
        if let Err(error) = registrar.begin(seed) {
            return Ok(Err(lost(error)));
        }
    }
    if let Err(failure) = pair.cycle(cycle, by, counts) {
        let (code, driver, what) = match failure {
            CycleFailure::Change(action, why) => {
                let (code, does) = match action.change {
                    Change::Load => ("load", "load"),
                    Change::Unload => ("unload", "unload"),
                    Change::Reload => ("load", "reload"),
                };
                let driver = format!("{}.sys", action.instance);
                let what = format!("{driver} does not {does} by {}: {why}", by.name());
                (code, driver, what)
            }
            CycleFailure::Use(one, why) => {
                let driver = format!("{}.sys", one.instance);
                let what = format!("{driver} refuses a program ({:?}): {why}", one.usage);
                ("request", driver, what)
            }
            CycleFailure::Restart(why) => {
                let what = format!("the machine does not restart: {why}");
                ("hang", String::new(), what)
            }
            CycleFailure::Service(instance, why) => {
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
    let Some(registrar) = registrar else {
        return Ok(Ok(()));
    };
    let (header, records) = match registrar.read() {
        Ok(events) => events,
        Err(error) => return Ok(Err(lost(error))),
    };
    count_events(&header, &records, counts);
    if arguments.events {
        for record in &records {
            print(&Line::Event(event(index, record)))?;
        }
    }
    if header.registered > 0 {
        let what = "a registration is left after both drivers were unloaded".to_owned();
        return Ok(Err(found("R29", what)));
    }
    anyhow::ensure!(
        header.lost == 0,
        "{} events of cycle {index} were lost: poll more often",
        header.lost
    );
    Ok(Ok(()))
}
