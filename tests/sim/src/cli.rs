// SPDX-License-Identifier: MIT OR Apache-2.0

//! The program's arguments and its output.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

use anyhow::Context;
use clap::Parser;
use registrar::knobs::{KernelChoice, Knobs};
use scenarios::{
    Cycle, CycleFilter, Finding, Instances, PROGRESS_INTERVAL, Report, Scenario, Script, Tier,
    TransitionCounts, write_line,
};
use serde::Serialize;
use sim::{
    FailedCycle, FaultKind, Faults, Image, Images, Machine, Matrix, Options, Schedule, Searched,
    Strategy, Verdict,
};

/// Runs cycles of the paired stress in the simulated kernel.
#[derive(Debug, Parser)]
#[command(name = "sim")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
struct Arguments {
    /// The provider's image.
    #[arg(long, value_name = "FILE")]
    provider: PathBuf,
    /// The client's image.
    #[arg(long, value_name = "FILE")]
    client: PathBuf,
    /// The provider for the driver framework, for cycles that mix driver models.
    #[arg(long, value_name = "FILE", requires = "wdf_client")]
    wdf_provider: Option<PathBuf>,
    /// The client for the driver framework.
    #[arg(long, value_name = "FILE", requires = "wdf_provider")]
    wdf_client: Option<PathBuf>,
    /// The seed of all random choices.
    #[arg(long)]
    seed: u64,
    /// The number of the first cycle.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// The number of cycles to run.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    cycles: u64,
    /// The scheduling strategy: random, run, hold, churn or pct.
    #[arg(long, default_value_t)]
    strategy: Strategy,
    /// Preempt threads at atomic instructions in driver code, too.
    #[arg(long)]
    preempt: bool,
    /// The calls that fail: none, random, systematic, or a single one:
    /// allocation:7.
    #[arg(long, default_value_t)]
    faults: Faults,
    /// Who answers what the documents leave open: documents (all of it is drawn),
    /// windows (as Windows does, where that is known) or both (drawn for each cycle).
    #[arg(long, value_name = "KERNEL", default_value_t)]
    kernel: KernelChoice,
    /// Fixed answers to what the documents leave open, as
    /// KNOB:ANSWER+KNOB:ANSWER; the others are the kernel's.
    #[arg(long, value_name = "KNOBS", default_value_t)]
    knobs: Knobs,
    /// The number of providers and clients in each cycle, as 2x3; drawn unless
    /// given.
    #[arg(long, value_name = "NxM")]
    instances: Option<Instances>,
    /// The scenario of all cycles; drawn unless given.
    #[arg(long, value_name = "SCENARIO")]
    only: Option<Scenario>,
    /// A scenario to leave out.
    #[arg(long, value_name = "SCENARIO", conflicts_with = "only")]
    without: Option<Scenario>,
    /// Stop after the first cycle with a finding.
    #[arg(long)]
    until_found: bool,
    /// The cycle's script, instead of a drawn one.
    #[arg(long, value_name = "SCRIPT")]
    script: Option<Script>,
    /// The schedule: which thread runs at which decision. Drawn unless given.
    #[arg(long, value_name = "SCHEDULE")]
    schedule: Option<Schedule>,
    /// Search for the shortest cycle that fails as the first one does.
    #[arg(long, conflicts_with_all = ["trace", "until_found"])]
    minimise: bool,
    /// Print the number of cycles in which a systematic run lets each call fail
    /// once.
    #[arg(long, conflicts_with = "trace")]
    size: bool,
    /// Print a trace instead of a report, one line for each event.
    #[arg(long)]
    trace: bool,
}

impl Arguments {
    fn wanted(&self) -> CycleFilter {
        CycleFilter {
            tier: Tier::Sim,
            only: self.only,
            without: self.without,
            framework: self.wdf_provider.is_some(),
            instances: self.instances,
        }
    }
}

/// A line of output.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum OutputLine<'a> {
    /// How many cycles are done.
    Progress(u64),
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
    /// The injected fault, if it differs from --faults.
    faults: Option<String>,
    /// The events of its trace, and of that of the cycle that was given.
    events: u64,
    events_before: u64,
    /// The schedule, if the cycle fails under a written one, too.
    schedule: Option<String>,
    finding: Finding,
}

const NOTHING_FAILS: &str = "nothing that the drivers call can fail: leave out --faults";

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

/// Runs the cycles. Returns `true` if nothing was found.
fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    die_with_parent();
    end_with_reader();
    anyhow::ensure!(
        arguments.wanted().is_possible(),
        "--only and what else is asked for contradict each other: leave out one of them"
    );
    let script = arguments.script.as_ref();
    anyhow::ensure!(
        arguments.wdf_provider.is_some() || script.is_none_or(|it| !it.models.need_framework()),
        "there is no driver for the framework, which --script names with Wdf: leave that out, or \
         the images that replace those built here"
    );
    let mut machine = Machine::new(
        read(&arguments.provider, &arguments.client)?,
        match (&arguments.wdf_provider, &arguments.wdf_client) {
            (Some(provider), Some(client)) => Some(read(provider, client)?),
            _ => None,
        },
    )?;
    machine.set_options(options(arguments, arguments.faults));
    let mut matrix = Matrix::new(arguments.seed, arguments.instances);
    if arguments.size {
        tell(&OutputLine::Size(matrix.size(&mut machine)))?;
        return Ok(true);
    }
    machine.set_schedule(arguments.schedule.clone());
    if arguments.minimise {
        return shorten(&mut machine, &mut matrix, arguments);
    }
    let mut report = Report::new("sim", arguments.seed, arguments.cycles);
    if arguments.faults == Faults::Systematic {
        count_calls(&mut report, &mut matrix, &mut machine);
    }
    let mut transitions = TransitionCounts::default();
    let started = Instant::now();
    let mut told = started;
    let last = arguments
        .first
        .checked_add(arguments.cycles)
        .context("--first and --cycles together are too large: use smaller numbers")?;
    for index in arguments.first..last {
        let (schedule, cycle) = prepare(arguments, &mut matrix, &mut machine, index)?;
        if arguments.trace {
            println!(
                "cycle {index} of seed {}, kernel {}: {}",
                arguments.seed,
                machine.kernel(arguments.seed, schedule),
                cycle.script()
            );
        }
        let outcome = machine.run(arguments.seed, &cycle, schedule, arguments.trace);
        report.add_cycle(cycle.order, &outcome.counts, outcome.digest);
        let scenario = cycle.order.scenario();
        report.add_scenario(scenario);
        if scenario.keeps_to_model() {
            transitions.add(&outcome.transitions);
        }
        for fault in outcome.faults {
            report.add_fault(fault, cycle.order);
        }
        report.add_kernel(outcome.kernel);
        add_notes(&mut report, index, outcome.notes);
        if let Some(finding) = outcome.finding {
            let failed = FailedCycle {
                seed: arguments.seed,
                cycle: &cycle,
                index: schedule,
                steps: outcome.steps,
                kernel: outcome.kernel,
                answers: &outcome.answers,
            };
            let failure = add_finding(&mut report, &mut machine, index, &failed, finding);
            if failure && arguments.until_found {
                break;
            }
        }
        if !arguments.trace && told.elapsed() >= PROGRESS_INTERVAL {
            told = Instant::now();
            tell(&OutputLine::Progress(report.cycles_done))?;
        }
    }
    let can_fail = report.fault_calls.values().flat_map(BTreeMap::values);
    anyhow::ensure!(
        arguments.faults != Faults::Systematic
            || !report.is_clean()
            || can_fail.copied().sum::<u64>() > 0,
        NOTHING_FAILS
    );
    report.add_transitions(&transitions);
    report.took(started.elapsed());
    if arguments.trace {
        print_findings(&report);
    } else {
        tell(&OutputLine::Report(&report))?;
    }
    Ok(report.is_clean())
}

/// Prints what a trace ends with.
fn print_findings(report: &Report) {
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

/// Adds a finding, or a note if it is no failure. Returns `true` if it is one.
fn add_finding(
    report: &mut Report,
    machine: &mut Machine,
    cycle: u64,
    failed: &FailedCycle<'_>,
    finding: Finding,
) -> bool {
    let mut finding = Finding { cycle, ..finding };
    let known = report.findings.iter().any(|it| it.is_same_as(&finding));
    let verdict = sim::judge(machine, failed, &finding);
    if !known {
        finding.open_points = sim::open_points(machine, failed, &finding);
    }
    match verdict {
        Verdict::Finding => report.add_finding(finding),
        Verdict::Note => report.add_note(finding),
    }
    verdict == Verdict::Finding
}

fn read(provider: &Path, client: &Path) -> anyhow::Result<Images> {
    Ok(Images {
        provider: Rc::new(Image::read(provider)?),
        client: Rc::new(Image::read(client)?),
    })
}

fn options(arguments: &Arguments, faults: Faults) -> Options {
    Options {
        strategy: arguments.strategy,
        preempt: arguments.preempt,
        faults,
        kernel: arguments.kernel,
        knobs: arguments.knobs,
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

/// What cycle number `index` does and under which schedule, its fault included;
/// the machine is told of that.
fn prepare(
    arguments: &Arguments,
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
            machine.set_options(options(arguments, faults));
            (case.index, case.cycle)
        }
        _ => (index, Cycle::draw(seed, index, arguments.wanted())),
    };
    let cycle = match &arguments.script {
        Some(script) => cycle.with_script(script.clone()),
        None => cycle,
    };
    Ok((schedule, cycle))
}

/// Tells the shortest cycle that fails as the first one does. Returns `true`
/// if that one does not fail.
fn shorten(
    machine: &mut Machine,
    matrix: &mut Matrix,
    arguments: &Arguments,
) -> anyhow::Result<bool> {
    let Arguments { seed, first, .. } = *arguments;
    let (schedule, cycle) = prepare(arguments, matrix, machine, first)?;
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
    };
    let found = sim::minimise(machine, seed, schedule, cycle.script(), plan, &mut show);
    let Some(found) = found else {
        return Ok(true);
    };
    let systematic = arguments.faults == Faults::Systematic;
    tell(&OutputLine::Minimised(&Shortest {
        cycle: found.after.cycle,
        script: found.after.script.to_string(),
        faults: systematic.then(|| machine.options().faults.to_string()),
        events: found.after.events,
        events_before: found.before.events,
        schedule: found.after.plan.map(|plan| plan.to_string()),
        finding: found.after.finding,
    }))?;
    Ok(false)
}

fn tell(line: &OutputLine<'_>) -> anyhow::Result<()> {
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
