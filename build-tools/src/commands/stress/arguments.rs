// SPDX-License-Identifier: MIT OR Apache-2.0

//! The arguments of `stress`, and the checks that refuse what cannot be carried out.

use std::path::PathBuf;

use ::vm::Guest;
use anyhow::{Result, ensure};
use clap::{Args, Parser};
use driver_image::DriverImage;
use registrar::knobs::KernelChoice;
use scenarios::{CycleFilter, Instances, Scenario, Tier as Kernel};

use super::Loaded;
use crate::building::wine_prefix;
use crate::machines::Guests;
use crate::simulator::{self, OTHERS};
use crate::stress::{Shard, Tier};
use crate::terminal::PROGRAM;
use crate::workspace::{OutputFiles, Workspace};

/// The number of cycles by default.
pub(super) const CYCLES: u64 = 1000;

#[derive(Clone, Args)]
#[command(after_help = "\
Examples:
  cargo xtask stress                                          1,000 cycles of the drivers built here
  cargo xtask stress --driver my.sys --driver peer.sys        other drivers, in their own roles
  cargo xtask stress --faults systematic --json report.json   each call fails once in each order")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
pub(crate) struct Arguments {
    /// Number of cycles [default: 1000; with --faults systematic, one per fault and order].
    #[arg(long, value_name = "N")]
    pub(super) cycles: Option<u64>,
    /// Seed of all random choices, a number; the same seed gives the same run
    /// [default: random].
    #[arg(long, value_name = "S")]
    pub(super) seed: Option<u64>,
    /// Number of the first cycle: a finding's cycle runs again with --first and --cycles 1.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) first: u64,
    /// Run only share I of N of the cycles, for example on one of N machines; --seed is
    /// needed. `cargo xtask merge` makes one report of theirs.
    #[arg(long, value_name = "I/N", conflicts_with = "trace")]
    pub(super) shard: Option<Shard>,
    /// Number of processes that share the cycles [default: one per processor].
    #[arg(long, value_name = "J")]
    jobs: Option<u64>,
    /// Write the report to FILE as JSON; its directory must exist. `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Also write the report as a page for a browser to this file; in a workspace, the page
    /// of the latest run is target/report/index.html in any case.
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
    #[arg(
        long,
        value_name = "FILE",
        help = "Also write the report as JUnit XML to this file: a test case for each scenario \
                and each rule"
    )]
    pub(super) junit: Option<PathBuf>,
    /// Also write the findings as a SARIF log to this file, for code scanning.
    #[arg(long, value_name = "FILE")]
    pub(super) sarif: Option<PathBuf>,
    /// Where to run: sim (the simulated kernel), wine (Wine's kernel, on parallel threads),
    /// vm (the guest `rehearsal`), or vm:NAME (another guest: `cargo xtask vm list`).
    #[arg(long, value_name = "WHERE", default_value = "sim")]
    pub(super) on: Tier,
    /// With --on wine or --on vm: keep the prefix, or the files of the machine's run.
    #[arg(long)]
    pub(super) keep: bool,
    /// With --on vm: number of runs, each with the next seed and on a machine in its
    /// initial state.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) repeat: u64,
    #[command(flatten)]
    pub(super) guests: Guests,
    #[command(flatten)]
    pub(super) loaded: Loaded,
    /// Scheduling strategy: random (any thread runs next), run (a thread runs until it
    /// waits), hold (now and then a thread is held back until no other can run), churn (the
    /// next thread in turn, at every point) or pct (drawn priorities that change at a few
    /// points).
    #[arg(long, value_name = "NAME", default_value = "random", value_parser = simulator::strategy)]
    strategy: String,
    /// Preempt threads at atomic instructions in driver code in every cycle, not only in
    /// one of eight, and at accesses to memory that threads share, which are drawn.
    #[arg(long)]
    preempt: bool,
    /// Search for data races: off, sampled (in one cycle of six) or all (in every cycle, which
    /// takes up to three times as long; --races alone means this).
    #[arg(long, value_name = "CYCLES", default_value = "sampled", num_args = 0..=1,
        default_missing_value = "all", value_parser = simulator::races)]
    races: String,
    /// Injected faults: none, random, systematic (each call fails and each callback is
    /// late, one at a time, in each order), or a single one as KIND:NUMBER, such as
    /// allocation:7 for the seventh allocation of the cycle. The kinds: allocation, thread,
    /// registration, attach, device, link, handle, security, framework, network, and
    /// before-CALLBACK or after-CALLBACK for a late one, such as before-client-detach.
    #[arg(long, value_name = "NAME", default_value = "none", value_parser = simulator::faults)]
    faults: String,
    /// Who answers what the documents leave open: documents (all of it is drawn),
    /// windows (as Windows does, where that is known) or both (each cycle draws one)
    /// [default: both; windows with other images than those built here].
    #[arg(long, value_name = "KERNEL")]
    kernel: Option<KernelChoice>,
    /// Fixed answers to questions that the documents leave open, as
    /// KNOB:ANSWER+KNOB:ANSWER; the kernel answers the others. --list has them all.
    #[arg(long, value_name = "KNOBS", value_parser = simulator::answers)]
    knobs: Option<String>,
    /// Number of providers and clients in each cycle, such as 2x3 [default: mostly 1x1,
    /// in some cycles more].
    #[arg(long, value_name = "NxM")]
    instances: Option<Instances>,
    /// Run only cycles of this scenario; --list has a sentence on each.
    #[arg(long, value_name = "SCENARIO")]
    pub(super) only: Option<Scenario>,
    /// List the scenarios and the knobs, and run nothing.
    #[arg(long, exclusive = true)]
    pub(super) list: bool,
    /// Print all counts, what was not covered, and what cannot be covered and why.
    #[arg(long)]
    pub(super) verbose: bool,
    /// Print every event, one per line, in a single process.
    #[arg(long, conflicts_with_all = ["json", "html", "junit", "sarif", "jobs"])]
    pub(super) trace: bool,
}

/// The arguments as a command line.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
}

impl Arguments {
    /// The default arguments, with these drivers.
    pub(in crate::commands) fn of(loaded: &Loaded) -> Self {
        let Line { mut arguments } = Line::parse_from(["stress"]);
        arguments.loaded = loaded.clone();
        arguments
    }

    /// Returns `true` if both drivers are those built here.
    pub(super) const fn is_own_pair(&self) -> bool {
        self.loaded.provider.is_none()
            && self.loaded.client.is_none()
            && self.loaded.drivers.is_empty()
    }

    /// Returns `true` if each possible fault is to occur once.
    pub(super) fn is_systematic(&self) -> bool {
        self.faults == "systematic"
    }

    /// Refuses arguments that cannot be carried out, before anything is built.
    pub(super) fn check(&self, guest: Option<&Guest>, workspace: &Workspace) -> Result<()> {
        ensure!(
            self.cycles != Some(0),
            "--cycles 0 would run nothing: ask for at least 1"
        );
        ensure!(
            self.first
                .checked_add(self.cycles.unwrap_or(CYCLES))
                .is_some(),
            "--first and --cycles together exceed 64 bits: use smaller numbers"
        );
        ensure!(
            self.jobs != Some(0),
            "--jobs 0 would run nothing: ask for at least 1"
        );
        ensure!(
            self.shard.is_none() || self.seed.is_some(),
            "--shard needs --seed: all shards of a run have the same"
        );
        self.check_tier()?;
        self.check_drivers(guest)?;
        self.loaded.check_registry()?;
        npi_description::read(&self.loaded.npi)?;
        let mut files = OutputFiles::default();
        for image in self.images() {
            DriverImage::read(image)?;
            files.reserve("a driver of the run", image);
        }
        for description in &self.loaded.npi {
            files.reserve("a description of the run", description);
        }
        files.add("--html", self.html.as_deref())?;
        if let Some(latest) = workspace.latest_page() {
            files.reserve("the page of every run", &latest);
        }
        files.add("--json", self.json.as_deref())?;
        files.add("--junit", self.junit.as_deref())?;
        files.add("--sarif", self.sarif.as_deref())
    }

    /// The images that are named.
    fn images(&self) -> impl Iterator<Item = &PathBuf> {
        let pair = [&self.loaded.provider, &self.loaded.client]
            .into_iter()
            .flatten();
        pair.chain(&self.loaded.drivers)
    }

    /// Refuses what does not go with the drivers, and names that a replay line cannot have.
    pub(super) fn check_drivers(&self, guest: Option<&Guest>) -> Result<()> {
        self.check_scenario(guest)?;
        for file in self.images().chain(&self.loaded.npi) {
            ensure!(
                !file.to_string_lossy().contains(','),
                "{} has a comma, which separates the parts of a replay line: rename it",
                file.display()
            );
        }
        Ok(())
    }

    /// Refuses a scenario that does not exist in the kernel, or with the other arguments.
    fn check_scenario(&self, guest: Option<&Guest>) -> Result<()> {
        ensure!(
            !self.loaded.drivers.is_empty() || self.instances.is_none_or(Instances::has_both),
            "--instances needs a provider and a client: a driver alone is run with --driver"
        );
        let Some(only) = self.only else {
            return Ok(());
        };
        let kernel = match (&self.on, guest) {
            (Tier::Sim, _) => Kernel::Sim,
            (_, Some(guest)) if guest.profile.tier != wine_prefix::TIER => Kernel::Windows,
            _ => Kernel::Wine,
        };
        ensure!(
            only.is_on(kernel),
            "--only {only} does not exist on this kernel: see `{PROGRAM} stress --list`"
        );
        ensure!(
            !matches!(only, Scenario::Models | Scenario::Interop) || self.is_own_pair(),
            "--only {only} mixes the drivers built here: leave out other images"
        );
        let filter = CycleFilter {
            tier: kernel,
            only: Some(only),
            without: None,
            framework: self.is_own_pair(),
            c: self.is_own_pair(),
            instances: self.instances,
            images: Instances::default(),
        };
        ensure!(
            !self.loaded.drivers.is_empty() || filter.is_possible(),
            "--only {only} does not go with these --instances: leave out one of them"
        );
        ensure!(
            !self.is_systematic(),
            "--faults systematic runs the paired orders: leave out --only"
        );
        Ok(())
    }

    /// Refuses options that the tier does not have.
    fn check_tier(&self) -> Result<()> {
        ensure!(
            self.on == Tier::Sim
                || (self.strategy == "random"
                    && !self.preempt
                    && self.races == "sampled"
                    && self.faults == "none"
                    && self.kernel.is_none()
                    && self.knobs.is_none()
                    && !self.verbose
                    && !self.trace),
            "--strategy, --preempt, --races, --faults, --kernel, --knobs, --verbose and --trace are \
             for the simulated kernel: leave them out with --on"
        );
        ensure!(
            self.on == Tier::Sim
                || (self.loaded.drivers.is_empty()
                    && self.loaded.npi.is_empty()
                    && self.loaded.peer.is_none()
                    && self.loaded.registry.is_empty()
                    && self.loaded.ignore.is_empty()
                    && !self.loaded.may_refuse),
            "--driver, --npi, --peer, --registry, --ignore and --may-refuse are for the simulated \
             kernel: leave them out with --on"
        );
        ensure!(
            self.on == Tier::Sim || self.shard.is_none(),
            "--shard is for the simulated kernel: elsewhere a cycle depends on more than its number"
        );
        ensure!(
            self.on != Tier::Sim || !self.keep,
            "--keep is for --on wine and vm: the simulated kernel leaves no files"
        );
        if let Tier::Vm(_) = self.on {
            ensure!(
                self.jobs.is_none(),
                "--jobs is not for --on vm: vm.toml sets a machine's processors"
            );
            return self.check_repeat();
        }
        ensure!(
            self.repeat == 1,
            "--repeat is for --on vm: elsewhere ask for more --cycles"
        );
        Ok(())
    }

    /// Refuses a number of runs that is zero or overflows the report.
    fn check_repeat(&self) -> Result<()> {
        ensure!(
            self.repeat > 0,
            "--repeat 0 would run nothing: ask for at least 1"
        );
        let cycles = self.cycles.unwrap_or(CYCLES);
        ensure!(
            cycles.checked_mul(self.repeat).is_some(),
            "--cycles and --repeat together exceed 64 bits: use smaller numbers"
        );
        let seed = self.seed.unwrap_or(0);
        ensure!(
            seed.checked_add(self.repeat).is_some(),
            "--seed and --repeat together exceed 64 bits: use smaller numbers"
        );
        Ok(())
    }

    /// The number of jobs into which `cycles` are divided.
    pub(super) fn jobs(&self, cycles: u64) -> u64 {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from) as u64;
        self.jobs.unwrap_or_else(processors).min(cycles)
    }

    /// The images that override drivers of the pair, by role.
    pub(super) fn overrides(&self) -> Vec<(&'static str, PathBuf)> {
        let images = [
            ("provider", &self.loaded.provider),
            ("client", &self.loaded.client),
        ];
        let present = |(role, file): (_, &Option<PathBuf>)| Some((role, file.clone()?));
        images.into_iter().filter_map(present).collect()
    }

    /// The options that differ from the defaults, as the tier's arguments.
    pub(super) fn options(&self) -> Vec<String> {
        let mut options = Vec::new();
        if self.strategy != "random" {
            options.push(format!("--strategy={}", self.strategy));
        }
        if self.faults != "none" {
            options.push(format!("--faults={}", self.faults));
        }
        let instances = self.instances.as_ref();
        options.extend(instances.map(|instances| format!("--instances={instances}")));
        options.extend(self.only.map(|only| format!("--only={only}")));
        options.extend(self.preempt.then(|| "--preempt".to_owned()));
        if self.races != "sampled" {
            options.push(format!("--races={}", self.races));
        }
        let others = self.on == Tier::Sim && (!self.is_own_pair() || self.loaded.peer.is_some());
        let kernel = others.then_some(KernelChoice::One(OTHERS));
        let kernel = self.kernel.or(kernel);
        options.extend(kernel.map(|kernel| format!("--kernel={kernel}")));
        let knobs = self.knobs.as_ref();
        options.extend(knobs.map(|knobs| format!("--knobs={knobs}")));
        options.extend(
            self.loaded
                .npi
                .iter()
                .map(|it| format!("--npi={}", it.display())),
        );
        options.extend(
            self.loaded
                .registry
                .iter()
                .map(|it| format!("--registry={it}")),
        );
        options.extend(self.loaded.ignore.iter().map(|it| format!("--ignore={it}")));
        options.extend(self.loaded.may_refuse.then(|| "--may-refuse".to_owned()));
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::ReplayLine;

    #[test]
    fn every_option_of_a_run_can_be_replayed() {
        let words = [
            "stress",
            "--strategy=pct",
            "--faults=random",
            "--instances=2x3",
            "--only=instances",
            "--preempt",
            "--races=all",
            "--kernel=windows",
            "--knobs=DetachOrder:1",
            "--npi=../shared-npi/src/echo/npi.toml",
            "--registry=client:Threads=4",
            "--ignore=R1",
            "--may-refuse",
        ];
        let options = Line::parse_from(words).arguments.options();
        assert_eq!(options.len(), words.len() - 1);
        let mut line = ReplayLine::new(7, 3);
        line.options = options;
        assert_eq!(line.to_string().parse(), Ok(line));
    }
}
