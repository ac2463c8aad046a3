// SPDX-License-Identifier: MIT OR Apache-2.0

//! `stress`: loads and unloads both drivers together, over and over, in the
//! simulated kernel, under Wine, or on a machine.
//!
//! The cycles are dealt to worker processes and their reports merged; since a
//! cycle depends on the seed and its number alone, how many workers there are
//! changes nothing but the time. Under Wine a job is a session, and time does
//! what it likes.

mod on_vm;
mod summary;
mod under_wine;
mod workers;

use std::ffi::OsString;
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::Instant;

use ::vm::Guest;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use scenarios::{Coverage, CycleFilter, Instances, Report, Scenario, Tier as Where};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::outcome::Outcome;
use crate::parts::Purpose;
use crate::replay::Line;
use crate::screen::{self, say};
use crate::tier::Tier;
use crate::workspace::Workspace;
use crate::{artifact, build, host, on_wine, setup, vm};
use workers::{Ended, Job};

#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
pub(crate) struct Arguments {
    /// How many cycles to run; unless given 1000, with --faults systematic as
    /// many as there are faults.
    #[arg(long, value_name = "N")]
    cycles: Option<u64>,
    /// What all choices are drawn from; random unless given.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// The number of the first cycle.
    #[arg(long, value_name = "N", default_value_t = 0)]
    first: u64,
    /// How many processes share the work; as many as there are processors
    /// unless given.
    #[arg(long, value_name = "J")]
    jobs: Option<u64>,
    /// Where to write the report.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where to run: in the simulated kernel (sim), under Wine (wine), or on a
    /// machine (vm, vm:NAME).
    #[arg(long, value_name = "WHERE", default_value = "sim")]
    on: Tier,
    /// With `--on wine` and `--on vm`: leave the prefix, or what the machine's run
    /// has made here, on the disk.
    #[arg(long)]
    keep: bool,
    /// With `--on vm`: run so many times, each with the next seed and on a machine
    /// that nobody has used.
    #[arg(long, value_name = "N", default_value_t = 1)]
    repeat: u64,
    #[command(flatten)]
    guests: vm::Guests,
    /// Another provider than the one built here.
    #[arg(long, value_name = "FILE")]
    provider: Option<PathBuf>,
    /// Another client than the one built here.
    #[arg(long, value_name = "FILE")]
    client: Option<PathBuf>,
    /// Who runs next: random, run, hold, churn or pct.
    #[arg(long, value_name = "NAME", default_value = "random")]
    strategy: String,
    /// Preempt threads inside driver code, too, at its atomic instructions.
    #[arg(long)]
    preempt: bool,
    /// Which calls fail although nothing is wrong: none, random, systematic (each
    /// in turn in each order, and each callback late), or one: allocation:7.
    #[arg(long, value_name = "NAME", default_value = "none")]
    faults: String,
    /// What NMR's documents leave open and is not to be drawn from the seed, as
    /// KNOB:ANSWER+KNOB:ANSWER; a wrong one is answered with those there are.
    #[arg(long, value_name = "KNOBS")]
    knobs: Option<String>,
    /// How many providers and clients each cycle loads, 2x3 say; in most cycles
    /// one of each, in some more, unless given.
    #[arg(long, value_name = "NxM")]
    instances: Option<Instances>,
    /// Runs cycles of this scenario only.
    #[arg(long, value_name = "SCENARIO")]
    only: Option<Scenario>,
    /// Say which scenarios there are, and run nothing.
    #[arg(long)]
    list: bool,
    /// Name what was not covered, and what cannot be and why.
    #[arg(long)]
    verbose: bool,
    /// Show what happens, one line for each event, by one process.
    #[arg(long, conflicts_with_all = ["json", "jobs"])]
    trace: bool,
}

impl Arguments {
    /// Whether both drivers are those built here.
    const fn is_own_pair(&self) -> bool {
        self.provider.is_none() && self.client.is_none()
    }
}

/// What to run, in full.
struct Plan {
    on: Tier,
    sim: PathBuf,
    provider: PathBuf,
    client: PathBuf,
    /// The same for the driver framework, unless another image was given.
    framework: Option<[PathBuf; 2]>,
    /// The files that were given.
    given: Vec<(&'static str, PathBuf)>,
    /// How the simulated kernel runs cycles, as its arguments.
    options: Vec<String>,
    seed: u64,
    first: u64,
    cycles: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    if arguments.list {
        say(summary::scenarios());
        return Ok(Outcome::Done);
    }
    let workspace = Workspace::find()?;
    let catalogue = arguments.guests.read(&workspace)?;
    let guest = match &arguments.on {
        Tier::Vm(name) => Some(catalogue.find(name)?),
        Tier::Sim | Tier::Wine => None,
    };
    let jobs = check(arguments, guest)?;
    let ready = match (&arguments.on, guest) {
        (_, Some(guest)) => vm::ensure_ready(&workspace, guest)?,
        (Tier::Wine, None) => setup::ensure(Purpose::Wine)?,
        (_, None) => Outcome::Done,
    };
    if ready != Outcome::Done {
        return Ok(ready);
    }
    // A package is made of drivers that are built for it.
    let both_given = arguments.provider.is_some() && arguments.client.is_some();
    if guest.is_none() && !both_given {
        let built = build::run()?;
        if built != Outcome::Done {
            return Ok(built);
        }
    }
    let driver = |given: &Option<PathBuf>, name: &str| {
        let built = || workspace.drivers().join(name).with_extension("sys");
        given.clone().unwrap_or_else(built)
    };
    let sim = match arguments.on {
        Tier::Sim => host::sim(&workspace)?,
        Tier::Wine | Tier::Vm(_) => PathBuf::new(),
    };
    let mut plan = Plan {
        on: arguments.on.clone(),
        sim,
        provider: driver(&arguments.provider, "provider"),
        client: driver(&arguments.client, "client"),
        framework: framework(&workspace, arguments),
        given: given(arguments),
        options: options(arguments),
        seed: arguments.seed.unwrap_or_else(random_seed),
        first: arguments.first,
        cycles: arguments.cycles.unwrap_or(CYCLES),
    };
    if arguments.cycles.is_none() && arguments.faults == "systematic" {
        plan.cycles = plan.size()?;
    }
    let jobs = jobs.min(plan.cycles);
    say(format!("stress: {}", plan.command(plan.first, plan.cycles)));
    if let Some(guest) = guest {
        let runs = on_vm::Runs {
            plan: &plan,
            guest,
            repeat: arguments.repeat,
            keep: arguments.keep,
            json: arguments.json.as_deref(),
        };
        return on_vm::stress(&workspace, &runs);
    }
    if arguments.on == Tier::Wine {
        return under_wine::stress(
            &workspace,
            &plan,
            jobs,
            arguments.keep,
            arguments.json.as_deref(),
        );
    }
    if arguments.trace {
        return plan.trace();
    }
    stress(&plan, jobs, arguments)
}

/// Cycles unless told otherwise.
const CYCLES: u64 = 1000;

/// Refuses what cannot be done, before anything is; answers how many workers
/// there are to be at most.
fn check(arguments: &Arguments, guest: Option<&Guest>) -> Result<u64> {
    ensure!(
        arguments.cycles != Some(0),
        "--cycles 0 would run nothing: ask for at least 1"
    );
    ensure!(
        arguments
            .first
            .checked_add(arguments.cycles.unwrap_or(CYCLES))
            .is_some(),
        "--first and --cycles together exceed 64 bits: use smaller numbers"
    );
    check_scenario(arguments, guest)?;
    check_tier(arguments)?;
    for file in [&arguments.provider, &arguments.client]
        .into_iter()
        .flatten()
    {
        fs::File::open(file)
            .with_context(|| format!("{} cannot be read: name a driver image", file.display()))?;
    }
    if let Some(path) = &arguments.json {
        check_writable(path)?;
    }
    match arguments.jobs {
        Some(0) => bail!("--jobs 0 would run nothing: ask for at least 1"),
        Some(jobs) => Ok(jobs),
        None => {
            let processors = std::thread::available_parallelism().map_or(1, usize::from);
            Ok(processors as u64)
        }
    }
}

/// Refuses what cannot be had where the pair is to run.
fn check_tier(arguments: &Arguments) -> Result<()> {
    ensure!(
        arguments.on == Tier::Sim
            || (arguments.strategy == "random"
                && !arguments.preempt
                && arguments.faults == "none"
                && arguments.knobs.is_none()
                && !arguments.verbose
                && !arguments.trace),
        "--strategy, --preempt, --faults, --knobs, --verbose and --trace are the simulated \
         kernel's: leave them out with --on"
    );
    ensure!(
        arguments.on != Tier::Sim || !arguments.keep,
        "--keep is for --on wine and vm: the simulated kernel leaves nothing"
    );
    if let Tier::Vm(_) = arguments.on {
        ensure!(
            arguments.jobs.is_none(),
            "--jobs is not for --on vm: a machine has the processors that vm.toml gives it"
        );
        return on_vm::check(
            arguments.repeat,
            arguments.seed,
            arguments.cycles.unwrap_or(CYCLES),
        );
    }
    ensure!(
        arguments.repeat == 1,
        "--repeat is for --on vm: elsewhere ask for more --cycles"
    );
    Ok(())
}

/// Refuses a scenario that there is not.
fn check_scenario(arguments: &Arguments, guest: Option<&Guest>) -> Result<()> {
    let Some(only) = arguments.only else {
        return Ok(());
    };
    let tier = match (&arguments.on, guest) {
        (Tier::Sim, _) => Where::Sim,
        (_, Some(guest)) if guest.profile.tier != on_wine::TIER => Where::Windows,
        _ => Where::Wine,
    };
    ensure!(
        only.is_on(tier),
        "--only {only} is not for that kernel: `cargo xtask stress --list` says where it is"
    );
    let wanted = CycleFilter {
        tier,
        only: Some(only),
        without: None,
        framework: arguments.is_own_pair(),
        instances: arguments.instances,
    };
    ensure!(
        only != Scenario::Models || arguments.is_own_pair(),
        "--only models mixes the drivers built here: leave out --provider and --client"
    );
    ensure!(
        wanted.is_possible(),
        "--only {only} does not go with these --instances: leave out one of them"
    );
    ensure!(
        arguments.faults != "systematic",
        "--faults systematic goes through the paired orders: leave out --only"
    );
    Ok(())
}

/// Whether a report can be written to `path` after the run; leaves nothing.
pub(crate) fn check_writable(path: &Path) -> Result<()> {
    let path_shown = path.display();
    ensure!(
        !path.is_dir(),
        "--json {path_shown} is a directory: name a file"
    );
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    match NamedTempFile::new_in(directory) {
        Ok(_) => Ok(()),
        Err(error) => bail!(
            "--json {path_shown} cannot be written ({}): name a file in a directory that may be \
             written to",
            error.kind()
        ),
    }
}

/// The drivers for the framework, which only the simulated kernel runs.
fn framework(workspace: &Workspace, arguments: &Arguments) -> Option<[PathBuf; 2]> {
    let used = arguments.on == Tier::Sim && arguments.is_own_pair();
    used.then(|| framework_drivers(workspace))
}

/// The provider and the client for the driver framework.
pub(crate) fn framework_drivers(workspace: &Workspace) -> [PathBuf; 2] {
    ["provider_wdf", "client_wdf"].map(|name| workspace.drivers().join(name).with_extension("sys"))
}

/// The simulated kernel's arguments for those.
pub(crate) fn framework_arguments([provider, client]: &[PathBuf; 2]) -> [OsString; 4] {
    [
        "--wdf-provider".into(),
        provider.into(),
        "--wdf-client".into(),
        client.into(),
    ]
}

/// The drivers that were given, as they were.
fn given(arguments: &Arguments) -> Vec<(&'static str, PathBuf)> {
    let images = [
        ("provider", &arguments.provider),
        ("client", &arguments.client),
    ];
    let named = |(name, file): (_, &Option<PathBuf>)| Some((name, file.clone()?));
    images.into_iter().filter_map(named).collect()
}

/// What differs from how cycles are run by default.
fn options(arguments: &Arguments) -> Vec<String> {
    let mut options = Vec::new();
    if arguments.strategy != "random" {
        options.push(format!("--strategy={}", arguments.strategy));
    }
    if arguments.faults != "none" {
        options.push(format!("--faults={}", arguments.faults));
    }
    let instances = arguments.instances;
    options.extend(instances.map(|instances| format!("--instances={instances}")));
    options.extend(arguments.only.map(|only| format!("--only={only}")));
    options.extend(arguments.preempt.then(|| "--preempt".to_owned()));
    options.extend(
        arguments
            .knobs
            .as_ref()
            .map(|knobs| format!("--knobs={knobs}")),
    );
    options
}

/// A seed that is easy to type again.
fn random_seed() -> u64 {
    // The standard library's source of randomness that needs no crate.
    RandomState::new().build_hasher().finish() & u64::from(u32::MAX)
}

impl Plan {
    /// The command line that runs these cycles again.
    fn command(&self, first: u64, cycles: u64) -> String {
        self.command_of(self.seed, first, cycles)
    }

    /// The same with another seed.
    fn command_of(&self, seed: u64, first: u64, cycles: u64) -> String {
        let image = |(name, file): &(&str, PathBuf)| format!(" --{name} {}", file.display());
        let given: String = self.given.iter().map(image).collect();
        let on = match &self.on {
            Tier::Sim => String::new(),
            _ => format!(" --on {}", self.on),
        };
        let start = match first {
            0 => String::new(),
            _ => format!(" --first {first}"),
        };
        let options: String = self
            .options
            .iter()
            .flat_map(|option| [" ", option])
            .collect();
        format!("cargo xtask stress{on} --cycles {cycles} --seed {seed}{start}{options}{given}")
    }

    /// The command line that shows one of them.
    fn replay(&self, cycle: u64) -> String {
        let image = |(name, file): &(&str, PathBuf)| format!(",{name}={}", file.display());
        let images: String = self.given.iter().map(image).collect();
        let mut line = Line::new(self.seed, cycle);
        line.options.clone_from(&self.options);
        format!("cargo xtask replay {line}{images}")
    }

    fn job(&self, first: u64, cycles: u64) -> Job<'_> {
        Job {
            plan: self,
            first,
            cycles,
        }
    }

    /// Equal shares of the cycles.
    fn jobs(&self, count: u64) -> Vec<Job<'_>> {
        let start = |index: u64| {
            let share = u128::from(self.cycles) * u128::from(index) / u128::from(count);
            u64::try_from(share).expect("no more than all cycles")
        };
        (0..count)
            .map(|index| self.job(self.first + start(index), start(index + 1) - start(index)))
            .collect()
    }

    /// How many cycles it takes to let each call fail once in each order.
    fn size(&self) -> Result<u64> {
        #[derive(Deserialize)]
        struct Last {
            size: u64,
        }
        let output = self.job(0, 1).command().arg("--size").output();
        let output = output.context("the simulated kernel cannot be run")?;
        let Ok(Last { size }) = serde_json::from_slice(&output.stdout) else {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{}", said.trim().trim_start_matches("error: "));
        };
        Ok(size)
    }

    fn trace(&self) -> Result<Outcome> {
        let mut command = self.job(self.first, self.cycles).command();
        let status = command
            .arg("--trace")
            .status()
            .context("the worker cannot be run")?;
        match status.code() {
            Some(0) => Ok(Outcome::Done),
            Some(1) => Ok(Outcome::Found),
            // It has said why.
            Some(2) => Ok(Outcome::Missing),
            _ => bail!("the worker died ({status})"),
        }
    }
}

/// What `--json` writes.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    report: &'a Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<&'a Coverage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guest: Option<&'a on_vm::Facts>,
}

fn stress(plan: &Plan, jobs: u64, arguments: &Arguments) -> Result<Outcome> {
    let started = Instant::now();
    let mut report = Report::new("sim", plan.seed, plan.cycles);
    let mut dead = Vec::new();
    for ended in workers::run(&plan.jobs(jobs), plan.cycles)? {
        match ended {
            Ended::Reported(part) => report.merge(*part),
            Ended::Refused(why) => bail!(why),
            Ended::Died(how) => dead.push(how),
        }
    }
    report.took(started.elapsed());
    let coverage = Coverage::of(&report);
    say(summary::of(&report, Some(&coverage), |cycle| {
        plan.replay(cycle)
    }));
    if arguments.verbose {
        say(summary::details(&coverage));
    }
    for how in &dead {
        screen::error(how);
    }
    let written = Written {
        report: &report,
        coverage: Some(&coverage),
        guest: None,
    };
    write(&written, arguments.json.as_deref())?;
    if report.is_clean() && dead.is_empty() {
        return Ok(Outcome::Done);
    }
    Ok(Outcome::Found)
}

/// Writes a report for machines, if one is wanted.
fn write(written: &Written<'_>, json: Option<&Path>) -> Result<()> {
    let Some(path) = json else {
        return Ok(());
    };
    let mut text = serde_json::to_string_pretty(written)?;
    text.push('\n');
    artifact::write(path, text.as_bytes())
}

/// A short run under Wine, of the drivers as they were built last; whether all
/// is as it should be.
pub(crate) fn passes_under_wine(workspace: &Workspace) -> Result<bool> {
    under_wine::passes(workspace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_are_the_whole() {
        let plan = Plan {
            on: Tier::Sim,
            sim: PathBuf::new(),
            provider: PathBuf::new(),
            client: PathBuf::new(),
            framework: None,
            given: Vec::new(),
            options: Vec::new(),
            seed: 0,
            first: 5,
            cycles: 1000,
        };
        for count in [1, 2, 3, 7, 1000] {
            let mut next = 5;
            for job in plan.jobs(count) {
                assert_eq!(job.first, next);
                assert!(job.cycles > 0);
                next += job.cycles;
            }
            assert_eq!(next, 1005);
        }
    }

    #[test]
    fn a_report_needs_a_directory_that_exists() {
        let directory = tempfile::tempdir().expect("a directory");
        check_writable(&directory.path().join("report.json")).expect("writable");
        assert_eq!(fs::read_dir(directory.path()).expect("read").count(), 0);
        for path in [
            directory.path().to_path_buf(),
            directory.path().join("no/report.json"),
        ] {
            let error = check_writable(&path).expect_err("not writable");
            assert!(error.to_string().contains("--json"), "{error:#}");
        }
    }
}
