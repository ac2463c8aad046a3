// SPDX-License-Identifier: MIT OR Apache-2.0

//! The program's arguments, and the checks that refuse impossible ones.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::slice;

use crate::{Faults, Image, Images, Machine, Options, Schedule, Strategy, Tracing, UnloadCosts};
use clap::{Parser, ValueEnum};
use registrar::knobs::{KernelChoice, Knobs};
use scenarios::{
    Alternative, Asked, CycleFilter, Ignored, Instances, RaceSearch, RegistryValue, Scenario,
    Script, Tier,
};

/// Runs cycles of the paired stress in the simulated kernel.
#[derive(Debug, Parser)]
#[command(name = "sim")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
pub(super) struct Arguments {
    /// A provider's image; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub(super) provider: Vec<PathBuf>,
    /// A client's image; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub(super) client: Vec<PathBuf>,
    /// The image of a driver whose role is what it registers; may be given several
    /// times.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["provider", "client"])]
    pub(super) driver: Vec<PathBuf>,
    /// The provider for the driver framework, for cycles that mix driver models.
    #[arg(long, value_name = "FILE", requires = "wdf_client")]
    pub(super) wdf_provider: Option<PathBuf>,
    /// The client for the driver framework.
    #[arg(long, value_name = "FILE", requires = "wdf_provider")]
    pub(super) wdf_client: Option<PathBuf>,
    /// The description of an NPI, so that its calls can be checked; may be given several
    /// times.
    #[arg(long, value_name = "FILE")]
    pub(super) npi: Vec<PathBuf>,
    /// The provider in C, for cycles that mix languages.
    #[arg(long, value_name = "FILE", requires = "c_client")]
    pub(super) c_provider: Option<PathBuf>,
    /// The client in C.
    #[arg(long, value_name = "FILE", requires = "c_provider")]
    pub(super) c_client: Option<PathBuf>,
    /// The seed of all random choices.
    #[arg(long)]
    pub(super) seed: u64,
    /// The number of the first cycle.
    #[arg(long, default_value_t = 0)]
    pub(super) first: u64,
    /// The number of cycles to run.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) cycles: u64,
    /// The scheduling strategy: random, run, hold, churn or pct.
    #[arg(long, default_value_t)]
    pub(super) strategy: Strategy,
    /// Preempt threads at atomic instructions in driver code in every cycle, not only in
    /// one of eight, and at accesses to shared memory, which are drawn.
    #[arg(long)]
    pub(super) preempt: bool,
    /// The cycles in which data races are searched for: off, sampled (one of six) or all.
    #[arg(long, value_name = "CYCLES", default_value_t)]
    pub(super) races: RaceSearch,
    /// The calls that fail: none, random, systematic, or a single one:
    /// allocation:7.
    #[arg(long, default_value_t)]
    pub(super) faults: Faults,
    /// Who answers what the documents leave open: documents (all of it is drawn),
    /// windows (as Windows does, where that is known) or both (drawn for each cycle).
    #[arg(long, value_name = "KERNEL", default_value_t)]
    pub(super) kernel: KernelChoice,
    /// Fixed answers to what the documents leave open, as
    /// KNOB:ANSWER+KNOB:ANSWER; the others are the kernel's.
    #[arg(long, value_name = "KNOBS", default_value_t)]
    pub(super) knobs: Knobs,
    /// The number of providers and clients in each cycle, as 2x3; drawn unless
    /// given.
    #[arg(long, value_name = "NxM")]
    pub(super) instances: Option<Instances>,
    /// The scenario of all cycles; drawn unless given.
    #[arg(long, value_name = "SCENARIO")]
    pub(super) only: Option<Scenario>,
    /// A scenario to leave out.
    #[arg(long, value_name = "SCENARIO", conflicts_with = "only")]
    pub(super) without: Option<Scenario>,
    /// A registry value of a driver, as NAME:Key=Value; may be given several times.
    #[arg(long, value_name = "VALUE")]
    pub(super) registry: Vec<RegistryValue>,
    /// Ignore the findings of a code, as CODE or CODE@FUNCTION; may be given several
    /// times.
    #[arg(long, value_name = "FINDING")]
    pub(super) ignore: Vec<Ignored>,
    /// A driver may refuse to be loaded although none of its calls failed.
    #[arg(long)]
    pub(super) may_refuse: bool,
    /// Print which cycle was the first to reach a transition or a fault, as JSON lines.
    #[arg(long, conflicts_with_all = ["trace", "events"])]
    pub(super) reached: bool,
    /// Stop after the first cycle with a finding.
    #[arg(long)]
    pub(super) until_found: bool,
    /// The cycle's script, instead of a drawn one.
    #[arg(long, value_name = "SCRIPT")]
    pub(super) script: Option<Script>,
    /// The schedule: which thread runs at which decision. Drawn unless given.
    #[arg(long, value_name = "SCHEDULE")]
    pub(super) schedule: Option<Schedule>,
    /// Search for the shortest cycle that fails as the first one does.
    #[arg(long, conflicts_with_all = ["trace", "until_found"])]
    pub(super) minimise: bool,
    /// Print the number of cycles in which a systematic run lets each call fail
    /// once.
    #[arg(long, conflicts_with = "trace")]
    pub(super) size: bool,
    /// Print a trace instead of a report, one line for each event.
    #[arg(long)]
    pub(super) trace: bool,
    /// Print every event as a JSON line, before the report.
    #[arg(long, conflicts_with_all = ["trace", "minimise", "size"])]
    pub(super) events: bool,
    /// Measure where the processor time goes, and print that as a JSON line before the
    /// report.
    #[arg(long, hide = true, conflicts_with_all = ["trace", "minimise", "size"])]
    pub(super) costs: bool,
    /// Measure each `DriverUnload`, and print that as JSON lines before the report: time, or
    /// instructions as well.
    #[arg(long, hide = true, value_name = "WHAT", conflicts_with_all = ["trace", "minimise", "size"])]
    pub(super) unloads: Option<Unloads>,
    /// Leave messages for a debugger out of the course of the cycles, and switch threads at no
    /// access to memory but atomic instructions.
    #[arg(long, hide = true)]
    pub(super) pass_over_messages: bool,
}

/// What `--unloads` measures.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Unloads {
    /// Virtual time.
    Time,
    /// And the driver's instructions.
    Instructions,
}

impl Arguments {
    /// The number of instances that is asked for, of the roles that have images.
    pub(super) fn instances(&self, images: Instances) -> Option<Instances> {
        self.instances.map(|instances| instances.of_images(images))
    }

    /// Which cycles are drawn for this many images of each role.
    pub(super) fn wanted(&self, images: Instances) -> CycleFilter {
        CycleFilter {
            tier: Tier::Sim,
            only: self.only,
            without: self.without,
            framework: self.wdf_provider.is_some(),
            c: self.c_provider.is_some(),
            instances: self.instances(images),
            images,
        }
    }

    /// Installs the drivers on the machine. Returns the number of images of each role.
    pub(super) fn install(&self, machine: &mut Machine) -> anyhow::Result<Instances> {
        let images = if self.driver.is_empty() {
            Images {
                providers: read(&self.provider)?,
                clients: read(&self.client)?,
            }
        } else {
            Images::by_role(read(&self.driver)?, machine)
        };
        let mut alternatives = BTreeMap::new();
        for alternative in Alternative::ALL {
            let (Some(provider), Some(client)) = self.alternative(alternative) else {
                continue;
            };
            let images = Images {
                providers: read(slice::from_ref(provider))?,
                clients: read(slice::from_ref(client))?,
            };
            alternatives.insert(alternative, images);
        }
        let count = images.count().map_err(anyhow::Error::msg)?;
        for value in &self.registry {
            anyhow::ensure!(
                count.all().any(|it| images.is_called(it, &value.driver)),
                "--registry {value} names no driver that is loaded: use the name of an image"
            );
        }
        machine.install(images, alternatives);
        Ok(count)
    }

    /// The images of an alternative.
    const fn alternative(&self, alternative: Alternative) -> (Option<&PathBuf>, Option<&PathBuf>) {
        match alternative {
            Alternative::Wdf => (self.wdf_provider.as_ref(), self.wdf_client.as_ref()),
            Alternative::C => (self.c_provider.as_ref(), self.c_client.as_ref()),
        }
    }

    /// What the run is to test.
    pub(super) fn asked(&self) -> Asked {
        let images = [&self.provider, &self.client, &self.driver];
        let name = |image: &PathBuf| {
            let name = image.file_name().unwrap_or_default();
            name.to_string_lossy().into_owned()
        };
        Asked {
            images: images.into_iter().flatten().map(name).collect(),
            only: self.only,
            faults: self.faults != Faults::None,
        }
    }

    /// Refuses cycles that cannot be run with these images.
    pub(super) fn check(&self, images: Instances) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.instances(images).is_none_or(|it| it.cover(images)),
            "--instances leaves out a driver, there are {images}: ask for more, or name fewer drivers"
        );
        anyhow::ensure!(
            self.wanted(images).is_possible(),
            "--only does not go with these drivers, or with --instances or the other options: leave \
             out one of them"
        );
        let Some(script) = &self.script else {
            return Ok(());
        };
        let needed = script.models.needed();
        anyhow::ensure!(
            needed.is_none_or(|it| self.alternative(it).0.is_some()),
            "there is no driver for what --script names with {}: leave that out, or the images that \
             replace those built here",
            script.models
        );
        let missing = script.instances().into_iter();
        if let Some(missing) = missing.map(|it| it.role).find(|role| images.of(*role) == 0) {
            anyhow::bail!(
                "--script loads a {0}, but no driver is a {0}: leave it out, or name one",
                missing.service()
            );
        }
        Ok(())
    }

    /// How the events of the cycles are printed.
    pub(super) const fn tracing(&self) -> Tracing {
        match (self.trace, self.events) {
            (true, _) => Tracing::Text,
            (_, true) => Tracing::Events,
            _ => Tracing::Off,
        }
    }

    /// How cycles are run, with these faults.
    pub(super) fn options(&self, faults: Faults) -> Options {
        Options {
            strategy: self.strategy,
            schedule_of: None,
            preempt: self.preempt,
            races: self.races,
            described: None,
            faults,
            kernel: self.kernel,
            knobs: self.knobs,
            registry: self.registry.clone(),
            ignored: self.ignore.clone(),
            may_refuse: self.may_refuse,
            unloads: match self.unloads {
                None => UnloadCosts::None,
                Some(Unloads::Time) => UnloadCosts::Time,
                Some(Unloads::Instructions) => UnloadCosts::Instructions,
            },
            passes_over_messages: self.pass_over_messages,
        }
    }
}

fn read(files: &[PathBuf]) -> anyhow::Result<Vec<Rc<Image>>> {
    let images = files.iter().map(|file| Image::read(file).map(Rc::new));
    Ok(images.collect::<Result<_, _>>()?)
}
