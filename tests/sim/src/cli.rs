// SPDX-License-Identifier: MIT OR Apache-2.0

//! The simulated kernel as a program: runs a range of cycles and prints its progress and
//! finally a report as JSON lines, or describes a driver image. `cargo nmr stress` runs
//! several of these processes and merges their reports.

mod arguments;
mod describe;
mod mutants;
mod reached;
mod signals;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::Parser;
use scenarios::{
    Cycle, Finding, Instances, MissingImports, PROGRESS_INTERVAL, Report, TraceLine, TracedCycle,
    TransitionCounts, Verdict, write_line,
};
use serde::Serialize;

use crate::costs::{Costs, Measured};
use crate::hardware::randomisation::fix_addresses;
use crate::{
    FailedCycle, Failure, FaultKind, Faults, Machine, Matrix, Searched, Tracing, UnloadCost, Weight,
};
use arguments::Arguments;
use reached::Reached;

/// A line of output.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum OutputLine<'a> {
    /// How many cycles are done.
    Progress(u64),
    /// What an image imports that the simulated kernel does not provide.
    MissingImports {
        image: &'a str,
        imports: &'a MissingImports,
    },
    /// What was not reached before this cycle.
    Reached { cycle: u64, what: Vec<String> },
    /// What --costs asks for.
    Costs(&'a Costs),
    /// What --unloads asks for, of each unload.
    Unload(&'a UnloadCost),
    /// The last line.
    Report(&'a Report),
    /// What --size asks for.
    Size(u64),
    /// How far --minimise is.
    Minimising {
        steps: u64,
        budget: u64,
        events: u64,
    },
    /// What --minimise came to.
    Minimised(&'a Shortest),
}

/// The shortest cycle that fails.
#[derive(Debug, Serialize)]
struct Shortest {
    cycle: u64,
    script: String,
    /// The faults, if they differ from --faults.
    faults: Option<String>,
    /// The size of it, and of the cycle that was given.
    #[serde(flatten)]
    size: Size,
    before: Size,
    /// The schedule, if the cycle fails under a written one, too.
    schedule: Option<String>,
    finding: Finding,
}

/// The size of a cycle that fails.
#[derive(Debug, Serialize)]
struct Size {
    /// The lines of its trace.
    events: u64,
    instances: usize,
    /// The injected faults.
    injected: usize,
    /// The decisions in which its schedule is not the default one.
    switches: usize,
}

impl Size {
    fn of(failure: &Failure) -> Self {
        Self {
            events: failure.events,
            instances: failure.script.instances().len(),
            injected: failure.faults.len(),
            switches: failure.switches,
        }
    }
}

/// The exit status if the program could not do what it was asked for.
const CANNOT: u8 = 2;

const NOTHING_FAILS: &str = "nothing that the drivers call can fail: leave out --faults";

/// Runs the program with these arguments, without its name. It may start the process again
/// with the same command line, and wants to be the first to do anything in it.
#[must_use]
pub fn main(arguments: &[OsString]) -> ExitCode {
    fix_addresses();
    if let Some(status) = describe::main(arguments).or_else(|| mutants::main(arguments)) {
        return status;
    }
    let arguments = match Arguments::try_parse_from(with_name(arguments)) {
        Ok(arguments) => arguments,
        Err(wrong) => return refuse(&wrong),
    };
    match run(&arguments) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {error:#}");
            CANNOT.into()
        }
    }
}

/// The arguments behind a program's name, as clap wants them.
fn with_name(arguments: &[OsString]) -> impl Iterator<Item = OsString> {
    let name = OsString::from("sim");
    std::iter::once(name).chain(arguments.iter().cloned())
}

/// Prints what is wrong with the arguments, or the help that they ask for.
fn refuse(wrong: &clap::Error) -> ExitCode {
    if !wrong.use_stderr() {
        wrong.exit();
    }
    // The first line names what is wrong.
    let text = wrong.to_string();
    let line = text.lines().next().unwrap_or_default();
    eprintln!("{line}; --help lists what there is");
    CANNOT.into()
}

/// Runs the cycles. Returns the exit status: 0 if nothing was found, 1 for a finding or a
/// run that has not tested what was asked for, 2 if cycles were cut short by what the
/// simulated kernel does not provide. A written script tests what it says.
fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    die_with_parent();
    end_with_reader();
    signals::block();
    npi_description::know(npi_description::read(&arguments.npi)?);
    let (mut machine, images) = set_up(arguments)?;
    let several = Some(images).filter(|images| !images.is_pair());
    let instances = arguments.instances(images).or(several);
    let mut matrix = Matrix::new(arguments.seed, instances);
    if arguments.size {
        tell(&OutputLine::Size(matrix.size(&mut machine)))?;
        return Ok(ExitCode::SUCCESS);
    }
    machine.set_schedule(arguments.schedule.clone());
    if arguments.minimise {
        return shorten(&mut machine, &mut matrix, arguments, images);
    }
    let mut report = begin_report(arguments, &machine)?;
    if arguments.faults == Faults::Systematic {
        count_calls(&mut report, &mut matrix, &mut machine);
    }
    let mut transitions = TransitionCounts::default();
    let mut reached = Reached::default();
    let measured = arguments.costs.then(Measured::begin);
    let started = Instant::now();
    let mut told = started;
    let last = arguments
        .first
        .checked_add(arguments.cycles)
        .context("--first and --cycles together are too large: use smaller numbers")?;
    for index in (arguments.first..last).take_while(|_| !signals::have_come()) {
        let (schedule, cycle) = prepare(arguments, images, &mut matrix, &mut machine, index)?;
        let traced = || TracedCycle {
            cycle: index,
            seed: arguments.seed,
            kernel: machine.kernel(arguments.seed, schedule).to_string(),
            script: cycle.script().to_string(),
        };
        print_heading(arguments.tracing(), traced)?;
        let outcome = machine.run(arguments.seed, &cycle, schedule, arguments.tracing());
        report.add_cycle(cycle.order, &outcome.counts, outcome.digest);
        for unload in &outcome.unloads {
            tell(&OutputLine::Unload(unload))?;
        }
        let scenario = cycle.order.scenario();
        report.add_scenario(scenario);
        if let Some(where_not) = outcome.unfollowed {
            anyhow::bail!(where_not);
        }
        if arguments.reached {
            let what = reached.first_of(cycle.order.scenario(), &outcome);
            if !what.is_empty() {
                tell(&OutputLine::Reached { cycle: index, what })?;
            }
        }
        if scenario.keeps_to_model() {
            transitions.add(&outcome.transitions);
        }
        for fault in outcome.faults {
            report.add_fault(fault, cycle.order);
        }
        report.add_kernel(outcome.kernel);
        add_notes(&mut report, index, outcome.notes);
        if let Some(verdict) = outcome.verdict {
            let failed = FailedCycle {
                seed: arguments.seed,
                cycle: &cycle,
                index: schedule,
                steps: outcome.steps,
                kernel: outcome.kernel,
                answers: &outcome.answers,
            };
            let found = add_verdict(&mut report, verdict, index, &failed, &mut machine);
            if found && arguments.until_found {
                break;
            }
        }
        if arguments.tracing() == Tracing::Off && told.elapsed() >= PROGRESS_INTERVAL {
            told = Instant::now();
            tell(&OutputLine::Progress(report.cycles_done))?;
        }
    }
    if let Some(measured) = measured {
        tell(&OutputLine::Costs(&measured.end(report.cycles_done)))?;
    }
    check_faults(arguments, &report)?;
    report.add_transitions(&transitions);
    // Events are a function of the seed, and so is the report behind them.
    if !arguments.events {
        report.took(started.elapsed());
    }
    if arguments.trace {
        print_verdicts(&report);
        return Ok(status_of(&report));
    }
    tell(&OutputLine::Report(&report))?;
    let not_tested = arguments.asked().not_tested(&report);
    if let Some(line) = not_tested.filter(|_| arguments.script.is_none()) {
        eprintln!("error: not tested: {line}");
        return Ok(ExitCode::FAILURE);
    }
    Ok(status_of(&report))
}

/// The machine with its drivers, and the number of images of each role.
fn set_up(arguments: &Arguments) -> anyhow::Result<(Machine, Instances)> {
    let mut machine = Machine::new()?;
    // What a driver registers may depend on them.
    machine.set_options(arguments.options(Faults::None));
    let images = arguments.install(&mut machine)?;
    arguments.check(images)?;
    machine.set_options(arguments.options(arguments.faults));
    Ok((machine, images))
}

/// Prints what the trace of a cycle begins with.
fn print_heading(tracing: Tracing, cycle: impl FnOnce() -> TracedCycle) -> anyhow::Result<()> {
    match tracing {
        Tracing::Off => {}
        Tracing::Text => println!("{}", cycle()),
        Tracing::Events => tell(&TraceLine::Cycle(cycle()))?,
    }
    Ok(())
}

/// The report before the first cycle. Prints what the images import that this kernel does
/// not provide.
fn begin_report(arguments: &Arguments, machine: &Machine) -> anyhow::Result<Report> {
    let mut report = Report::new("sim", arguments.seed, arguments.cycles);
    report.missing_imports = machine.missing_imports();
    for ignored in &arguments.ignore {
        report.counts.ignore_matches.insert(ignored.to_string(), 0);
    }
    for (image, imports) in &report.missing_imports {
        if arguments.trace {
            println!("{}", imports.line(image));
        } else {
            tell(&OutputLine::MissingImports { image, imports })?;
        }
    }
    Ok(report)
}

/// Prints what a trace ends with.
fn print_verdicts(report: &Report) {
    for unsupported in &report.unsupported {
        println!("{unsupported}");
    }
    for note in &report.notes {
        println!("note: {note}");
    }
    for finding in &report.findings {
        println!("{finding}");
    }
}

/// Adds the notes of a cycle.
fn add_notes(report: &mut Report, cycle: u64, notes: Vec<Finding>) {
    for note in notes {
        report.add_note(Finding { cycle, ..note });
    }
}

/// Adds the verdict on cycle number `index` to the report. Returns `true` if it is a
/// finding.
fn add_verdict(
    report: &mut Report,
    verdict: Verdict,
    index: u64,
    failed: &FailedCycle<'_>,
    machine: &mut Machine,
) -> bool {
    let mut finding = match verdict {
        Verdict::Finding(finding) => finding,
        Verdict::Unsupported(mut unsupported) => {
            unsupported.cycle = index;
            report.add_unsupported(unsupported);
            return false;
        }
    };
    finding.cycle = index;
    finding.scenarios = [failed.cycle.order.scenario().to_string()].into();
    let known = report.findings.iter().any(|it| it.is_same_as(&finding));
    let weight = crate::judge(machine, failed, &finding);
    if !known {
        finding.open_points = crate::open_points(machine, failed, &finding);
    }
    match weight {
        Weight::Finding => report.add_finding(finding),
        Weight::Note => report.add_note(finding),
    }
    weight == Weight::Finding
}

fn status_of(report: &Report) -> ExitCode {
    match (report.is_clean(), report.findings.is_empty()) {
        (true, _) => ExitCode::SUCCESS,
        (false, true) if !report.unsupported.is_empty() => CANNOT.into(),
        (false, _) => ExitCode::FAILURE,
    }
}

/// Adds to the report how many calls there are to fail.
fn count_calls(report: &mut Report, matrix: &mut Matrix, machine: &mut Machine) {
    for row in matrix.first_round(machine) {
        for kind in FaultKind::all() {
            let calls = row.calls.get(&kind).copied().unwrap_or_default();
            let orders = report.fault_calls.entry(kind.to_string()).or_default();
            orders.insert(row.order.to_string(), calls);
        }
    }
}

/// Refuses a systematic run in which no call could fail.
fn check_faults(arguments: &Arguments, report: &Report) -> anyhow::Result<()> {
    let can_fail = report.fault_calls.values().flat_map(BTreeMap::values);
    anyhow::ensure!(
        arguments.faults != Faults::Systematic
            || !report.is_clean()
            || can_fail.copied().sum::<u64>() > 0,
        NOTHING_FAILS
    );
    Ok(())
}

/// What cycle number `index` does and under which schedule, its fault included;
/// the machine is told of that.
fn prepare(
    arguments: &Arguments,
    images: Instances,
    matrix: &mut Matrix,
    machine: &mut Machine,
    index: u64,
) -> anyhow::Result<(u64, Cycle)> {
    let Arguments { seed, faults, .. } = *arguments;
    let (schedule, cycle) = match faults {
        Faults::Systematic => {
            let case = matrix.case(machine, index);
            let case = case.context(NOTHING_FAILS)?;
            let faults = case.fault.map_or(Faults::None, Faults::One);
            machine.set_options(arguments.options(faults));
            (case.index, case.cycle)
        }
        _ => (index, Cycle::draw(seed, index, arguments.wanted(images))),
    };
    let cycle = match &arguments.script {
        Some(script) => cycle.with_script(script.clone()),
        None => cycle,
    };
    Ok((schedule, cycle))
}

/// Tells the shortest cycle that fails as the first one does. Returns the exit status.
fn shorten(
    machine: &mut Machine,
    matrix: &mut Matrix,
    arguments: &Arguments,
    images: Instances,
) -> anyhow::Result<ExitCode> {
    let Arguments { seed, first, .. } = *arguments;
    let (schedule, cycle) = prepare(arguments, images, matrix, machine, first)?;
    let plan = arguments.schedule.clone();
    let mut told = Instant::now();
    let mut show = |searched: Searched| {
        if told.elapsed() >= PROGRESS_INTERVAL {
            told = Instant::now();
            // A reader that is gone is met again at the end.
            let _ = tell(&OutputLine::Minimising {
                steps: searched.spent,
                budget: searched.budget,
                events: searched.events,
            });
        }
        !signals::have_come()
    };
    let found = crate::minimise(machine, seed, schedule, cycle.script(), plan, &mut show);
    let Some(found) = found? else {
        return Ok(ExitCode::SUCCESS);
    };
    tell(&OutputLine::Minimised(&Shortest {
        cycle: first,
        script: found.after.script.to_string(),
        faults: found.without_faults.then(|| Faults::None.to_string()),
        size: Size::of(&found.after),
        before: Size::of(&found.before),
        schedule: found.after.plan.map(|plan| plan.to_string()),
        finding: found.after.finding,
    }))?;
    Ok(ExitCode::FAILURE)
}

fn tell(line: &impl Serialize) -> anyhow::Result<()> {
    write_line(&mut io::stdout().lock(), line).context("cannot write to standard output")
}

/// Ends when the reader of the output does: `head`, say.
fn end_with_reader() {
    // SAFETY: the default action needs no handler.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// Ends when the parent process, which reads the output, does.
fn die_with_parent() {
    // SAFETY: the call only asks for a signal.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}
