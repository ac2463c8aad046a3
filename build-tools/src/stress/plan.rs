// SPDX-License-Identifier: MIT OR Apache-2.0

//! The plan of a stress run: images, options, seed and cycles, and how the cycles are
//! divided into jobs.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use scenarios::Scenario;

use super::{Shard, ShardOf, Tier};
use crate::simulator::ReplayLine;
use crate::terminal::PROGRAM;
use crate::workspace::Workspace;

/// Everything that a stress run depends on.
#[derive(Clone)]
pub(crate) struct StressPlan {
    pub(crate) tier: Tier,
    pub(crate) provider: PathBuf,
    pub(crate) client: PathBuf,
    /// The images that override drivers of the pair, by role.
    pub(crate) overrides: Vec<(&'static str, PathBuf)>,
    /// The drivers that are loaded instead of a provider and a client, if any.
    pub(crate) drivers: Vec<PathBuf>,
    /// What was not tested for want of descriptions, for each peer that is a stub.
    pub(crate) untested: Vec<String>,
    /// The scenario of all cycles; drawn if there is none.
    pub(crate) only: Option<Scenario>,
    /// Options of the run that differ from the defaults, as the tier's arguments.
    pub(crate) options: Vec<String>,
    pub(crate) seed: u64,
    pub(crate) first: u64,
    pub(crate) cycles: u64,
    /// The share of a larger run that these cycles are.
    pub(crate) shard: Option<ShardOf>,
}

/// A share of a plan's cycles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) first: u64,
    pub(crate) cycles: u64,
}

impl StressPlan {
    /// A plan of no cycles and no drivers yet.
    pub(super) const fn empty(tier: Tier) -> Self {
        Self {
            tier,
            provider: PathBuf::new(),
            client: PathBuf::new(),
            overrides: Vec::new(),
            drivers: Vec::new(),
            untested: Vec::new(),
            only: None,
            options: Vec::new(),
            seed: 0,
            first: 0,
            cycles: 0,
            shard: None,
        }
    }

    /// A plan of no cycles yet, for the drivers built here and these overrides.
    pub(crate) fn new(
        workspace: &Workspace,
        tier: Tier,
        overrides: Vec<(&'static str, PathBuf)>,
    ) -> Self {
        let mut plan = Self {
            provider: workspace.driver("provider"),
            client: workspace.driver("client"),
            overrides,
            ..Self::empty(tier)
        };
        for (role, image) in [
            ("provider", &mut plan.provider),
            ("client", &mut plan.client),
        ] {
            if let Some((_, file)) = plan.overrides.iter().find(|(it, _)| *it == role) {
                image.clone_from(file);
            }
        }
        plan
    }

    /// The command line that runs these cycles again.
    pub(crate) fn command(&self, first: u64, cycles: u64) -> String {
        self.command_with_seed(self.seed, first, cycles)
    }

    /// The same with another seed.
    pub(crate) fn command_with_seed(&self, seed: u64, first: u64, cycles: u64) -> String {
        let image =
            |(role, file): (&str, &Path)| format!(" --{role} {}", quoted(&file.to_string_lossy()));
        let overrides: String = self.named().map(image).collect();
        let on = match &self.tier {
            Tier::Sim => String::new(),
            tier => format!(" --on {tier}"),
        };
        let start = match first {
            0 => String::new(),
            _ => format!(" --first {first}"),
        };
        let options = self.options.iter();
        let options: String = options
            .flat_map(|option| [Cow::Borrowed(" "), quoted(option)])
            .collect();
        format!("{PROGRAM} stress{on} --cycles {cycles} --seed {seed}{start}{options}{overrides}")
    }

    /// The command line that shows one cycle event by event in the simulated kernel.
    pub(crate) fn replay_command(&self, cycle: u64) -> String {
        format!("{PROGRAM} replay {}", quoted(&self.replay_line(cycle)))
    }

    /// The replay line of a cycle.
    pub(crate) fn replay_line(&self, cycle: u64) -> String {
        let image = |(role, file): (&str, &Path)| format!(",{role}={}", file.display());
        let overrides: String = self.named().map(image).collect();
        let mut line = ReplayLine::new(self.seed, cycle);
        line.options.clone_from(&self.options);
        format!("{line}{overrides}")
    }

    /// The image that overrides the driver of `role`.
    pub(crate) fn override_of(&self, role: &str) -> Option<PathBuf> {
        let found = self.overrides.iter().find(|(it, _)| *it == role);
        found.map(|(_, file)| file.clone())
    }

    /// Returns `true` if all drivers are those built here.
    pub(crate) const fn is_own_pair(&self) -> bool {
        self.overrides.is_empty() && self.drivers.is_empty()
    }

    /// The images that were named, each by its option.
    fn named(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let drivers = self.drivers.iter().map(|file| ("driver", file.as_path()));
        let overrides = self.overrides.iter();
        drivers.chain(overrides.map(|(role, file)| (*role, file.as_path())))
    }

    /// All images that are loaded.
    pub(super) fn images(&self) -> Vec<&Path> {
        if self.drivers.is_empty() {
            vec![&self.provider, &self.client]
        } else {
            self.drivers.iter().map(PathBuf::as_path).collect()
        }
    }

    /// All cycles as one job.
    pub(crate) const fn whole(&self) -> Job {
        Job {
            first: self.first,
            cycles: self.cycles,
        }
    }

    /// Limits the plan to this share of its cycles.
    pub(crate) fn limit_to(&mut self, shard: Shard) -> Result<()> {
        let Job { first, cycles } = self.whole();
        ensure!(
            shard.count <= cycles,
            "--shard {shard} of {cycles} cycles has none: ask for as many shards at most"
        );
        self.shard = Some(ShardOf {
            shard,
            first,
            cycles,
        });
        Job {
            first: self.first,
            cycles: self.cycles,
        } = self.share(shard.index - 1, shard.count);
        Ok(())
    }

    /// Divides the cycles into `count` equal jobs.
    pub(crate) fn jobs(&self, count: u64) -> Vec<Job> {
        (0..count).map(|index| self.share(index, count)).collect()
    }

    /// Share number `index`, counted from 0, of `count` equal ones.
    fn share(&self, index: u64, count: u64) -> Job {
        let start = |index: u64| {
            let share = u128::from(self.cycles) * u128::from(index) / u128::from(count);
            u64::try_from(share).expect("no more than all cycles")
        };
        Job {
            first: self.first + start(index),
            cycles: start(index + 1) - start(index),
        }
    }
}

/// A word as a shell reads it back; without quotation marks if it needs none.
fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |letter: char| letter.is_alphanumeric() || "=,+-./:@_~%#^".contains(letter);
    if word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    shlex::try_quote(word).unwrap_or(Cow::Borrowed(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_can_be_pasted_into_a_shell() {
        let mut plan = StressPlan {
            drivers: vec!["my driver.sys".into()],
            options: vec!["--script=+p~5.-p".to_owned()],
            ..StressPlan::empty(Tier::Sim)
        };
        for command in [plan.command(0, 1), plan.replay_command(0)] {
            let words = shlex::split(&command).expect("a command");
            assert!(words.iter().any(|word| word.contains("my driver.sys")));
        }
        plan.drivers = vec!["driver.sys".into()];
        let line = "cargo xtask replay seed=0,cycle=0,driver=driver.sys,script=+p~5.-p";
        assert!(!plan.replay_command(0).contains('\''), "{line}");
    }

    #[test]
    fn the_jobs_are_the_whole_plan() {
        let plan = StressPlan {
            first: 5,
            cycles: 1000,
            ..StressPlan::empty(Tier::Sim)
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
    fn the_shards_are_the_whole_plan_too() {
        let plan = |text: &str| {
            let mut plan = StressPlan {
                first: 5,
                cycles: 8,
                ..StressPlan::empty(Tier::Sim)
            };
            plan.limit_to(text.parse().expect("a shard")).map(|()| plan)
        };
        let mut next = 5;
        for shard in ["1/3", "2/3", "3/3"] {
            let plan = plan(shard).expect("it has cycles");
            assert_eq!(plan.first, next);
            next += plan.cycles;
            assert!(plan.shard.is_some_and(|it| (it.first, it.cycles) == (5, 8)));
        }
        assert_eq!(next, 13);
        assert!(plan("1/9").is_err());
    }
}
