// SPDX-License-Identifier: MIT OR Apache-2.0

//! The trial of one mutant: runs of the pair in which the mutant replaces its driver.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context, Result, bail};
use scenarios::{Finding, Mutant, Mutation, Report};
use serde::Deserialize;

use super::{ROLES, Wanted};
use crate::building::peers::{self, Conduct};
use crate::simulator::{self, Simulator};
use crate::workspace::Workspace;
use crate::zoo::catalogue::Role;

/// `int3`, at which a driver stops with a bug check.
const BREAKPOINT: u8 = 0xCC;

/// The kinds of run that each mutant has, until one finds it.
const SETTINGS: [Setting; 4] = [
    Setting {
        beside: Beside::Peer,
        faults: "none",
        races: "sampled",
        preempts: false,
        compared: true,
        times: 1,
    },
    Setting {
        beside: Beside::Peer,
        faults: "random",
        races: "sampled",
        preempts: false,
        compared: true,
        times: 1,
    },
    Setting {
        beside: Beside::Peer,
        faults: "none",
        races: "all",
        preempts: false,
        compared: true,
        times: 1,
    },
    Setting {
        beside: Beside::Hostile,
        faults: "none",
        races: "sampled",
        preempts: false,
        compared: true,
        times: 1,
    },
];

/// The additional run of a mutant whose course differs: it finds defects that show only if
/// another thread runs in between. An instruction that is no longer atomic changes no count; if a
/// search for data races reaches the instruction and finds no race, no other thread can run in
/// between.
const ATOMICITY: Setting = Setting {
    beside: Beside::Peer,
    faults: "none",
    races: "all",
    preempts: true,
    compared: false,
    times: 4,
};

/// The additional run of each other mutant, in which messages count, and in some cycles threads are
/// also switched at memory accesses.
const SWITCHED: Setting = Setting {
    beside: Beside::Peer,
    faults: "none",
    races: "sampled",
    preempts: false,
    compared: false,
    times: 1,
};

/// A kind of run.
#[derive(Clone, Copy)]
struct Setting {
    beside: Beside,
    faults: &'static str,
    /// The cycles in which data races are searched for.
    races: &'static str,
    /// `true` if threads are preempted in every cycle.
    preempts: bool,
    /// `true` if the course of the run is compared with that of the unchanged driver. Messages for
    /// a debugger are not part of the course, and of memory accesses, threads are switched only at
    /// atomic instructions: a removed access would otherwise change the course.
    compared: bool,
    /// The factor by which the number of cycles is multiplied.
    times: u64,
}

impl Setting {
    /// Returns the same setting with preemption and a search for data races in each cycle.
    const fn preempted(self) -> Self {
        Self {
            races: "all",
            preempts: true,
            compared: false,
            ..self
        }
    }
}

/// The drivers that run beside a mutant.
#[derive(Clone, Copy)]
enum Beside {
    /// The other driver of the pair.
    Peer,
    /// Peers that break the contract of its NPIs.
    Hostile,
}

/// The unchanged drivers, and the results of their runs.
pub(super) struct Original<'a> {
    simulator: &'a Simulator,
    workspace: &'a Workspace,
    seed: u64,
    cycles: u64,
    /// The hostile peers of each driver.
    hostile: BTreeMap<Role, Vec<PathBuf>>,
    /// The report of each driver's run in each setting.
    courses: BTreeMap<Role, Vec<Report>>,
}

/// The result of a run.
enum Ran {
    Found(Box<Finding>),
    /// The run ended without a finding, but abnormally, for this reason.
    Failed(String),
    /// The run has no finding.
    Clean(Box<Report>),
}

/// The result of the trial of a mutant.
pub(super) enum Fate {
    Found(Box<Finding>),
    /// A run failed otherwise: it tested nothing, or was cut short.
    Failed(String),
    /// The runs do not differ from those of the unchanged driver.
    Unchanged,
    Survived,
}

/// The comparison of a mutant's runs with those of the unchanged driver.
enum Compared {
    /// One of the runs ended with this result.
    Ended(Fate),
    Alike,
    Different,
}

/// The last line that the simulated kernel prints.
#[derive(Deserialize)]
struct Last {
    report: Report,
}

impl<'a> Original<'a> {
    /// Runs the unchanged drivers.
    pub(super) fn measure(
        workspace: &'a Workspace,
        simulator: &'a Simulator,
        wanted: &Wanted<'_>,
    ) -> Result<Self> {
        let mut original = Self {
            simulator,
            workspace,
            seed: wanted.seed,
            cycles: wanted.cycles,
            hostile: BTreeMap::new(),
            courses: BTreeMap::new(),
        };
        for role in ROLES {
            let peers = hostile_peers(workspace, simulator, &original.driver(role))?;
            original.hostile.insert(role, peers);
            let courses = SETTINGS.map(|setting| original.unchanged(role, setting));
            let courses = courses.into_iter().collect::<Result<_>>()?;
            original.courses.insert(role, courses);
            let preempted = SETTINGS.map(Setting::preempted);
            for last in [SWITCHED, ATOMICITY].into_iter().chain(preempted) {
                original.unchanged(role, last)?;
            }
        }
        Ok(original)
    }

    fn unchanged(&self, role: Role, setting: Setting) -> Result<Report> {
        match self.run(role, &self.driver(role), setting)? {
            Ran::Clean(report) => Ok(*report),
            Ran::Found(finding) => {
                bail!("the unchanged drivers have a finding, which must be mended first: {finding}")
            }
            Ran::Failed(why) => bail!("the run of the unchanged drivers failed: {why}"),
        }
    }

    fn driver(&self, role: Role) -> PathBuf {
        self.workspace.driver(role.name())
    }

    /// Runs `image` as the driver of `role`.
    fn run(&self, role: Role, image: &Path, setting: Setting) -> Result<Ran> {
        let peer = self.driver(role.peer());
        let mut command = match (setting.beside, role) {
            (Beside::Peer, Role::Provider) => self.simulator.command(image, &peer),
            (Beside::Peer, Role::Client) => self.simulator.command(&peer, image),
            (Beside::Hostile, _) => {
                let mut drivers = vec![image.to_path_buf()];
                drivers.extend_from_slice(&self.hostile[&role]);
                self.simulator.command_with(&drivers)
            }
        };
        if matches!(setting.beside, Beside::Peer) {
            simulator::add_alternatives(&mut command, self.workspace);
        }
        command.args([
            format!("--seed={}", self.seed),
            format!("--cycles={}", self.cycles.saturating_mul(setting.times)),
            format!("--faults={}", setting.faults),
            format!("--races={}", setting.races),
            "--until-found".to_owned(),
        ]);
        if setting.preempts {
            command.arg("--preempt");
        }
        if setting.compared {
            command.arg("--pass-over-messages");
        }
        ran(&simulator::output(&mut command)?)
    }
}

/// Builds the peers that break the contract of a driver's NPIs.
fn hostile_peers(
    workspace: &Workspace,
    simulator: &Simulator,
    driver: &Path,
) -> Result<Vec<PathBuf>> {
    let npis = npi_description::read(workspace.descriptions())?;
    let registered = simulator.describe(driver, &[])?.dry_run.registered;
    let peers = peers::lacking(&registered, &npis, Conduct::Hostile);
    let directory = workspace.target().join("peers");
    let build = |peer: &_| peers::build(peer, &directory, workspace.root());
    peers.iter().map(build).collect()
}

/// What a run came to, by what it printed.
///
/// # Errors
///
/// It could not run, which is no mutant's doing.
fn ran(output: &Output) -> Result<Ran> {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = serde_json::from_str(text.lines().last().unwrap_or_default());
    let Ok(Last { mut report }) = last else {
        let Some(_) = output.status.code() else {
            return Ok(Ran::Failed(simulator::died(output.status)));
        };
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("{}", simulator::error_of(&errors));
    };
    if !report.findings.is_empty() {
        return Ok(Ran::Found(Box::new(report.findings.swap_remove(0))));
    }
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let cut_short = report.unsupported.first().map(ToString::to_string);
        let why = cut_short.unwrap_or_else(|| simulator::error_of(&errors).to_owned());
        return Ok(Ran::Failed(why));
    }
    Ok(Ran::Clean(Box::new(report)))
}

/// Trials, one after the other, with a directory of their own.
pub(super) struct Trial<'a> {
    original: &'a Original<'a>,
    directory: PathBuf,
}

impl<'a> Trial<'a> {
    /// Begins trials in the directory with this number.
    pub(super) fn begin(original: &'a Original<'a>, number: usize) -> Result<Self> {
        let target = original.workspace.target();
        let directory = target.join("zoo").join("mutants").join(number.to_string());
        let cannot = || format!("{} cannot be made: free the path", directory.display());
        fs::create_dir_all(&directory).with_context(cannot)?;
        for role in ROLES {
            // The lines of a finding are the unchanged driver's.
            let symbols = original.driver(role).with_extension("pdb");
            let name = symbols.file_name().context("it has a name")?;
            fs::copy(&symbols, directory.join(name)).with_context(cannot)?;
        }
        Ok(Self {
            original,
            directory,
        })
    }

    /// Runs a mutant.
    pub(super) fn run(&self, role: Role, mutant: &Mutant) -> Result<Fate> {
        let image = self.write(role, mutant.position, &mutant.bytes)?;
        let mut changed = match self.compare(role, &image)? {
            Compared::Ended(fate) => return Ok(fate),
            Compared::Alike => false,
            Compared::Different => true,
        };
        let last = if changed || mutant.mutation == Mutation::NoLock {
            ATOMICITY
        } else {
            SWITCHED
        };
        // An instruction may be reached only beside peers that break the contract, or where
        // calls fail.
        let preempted = SETTINGS.map(Setting::preempted);
        let more = preempted
            .iter()
            .filter(|_| mutant.mutation == Mutation::NoLock);
        for last in [last].iter().chain(more) {
            match self.original.run(role, &image, *last)? {
                Ran::Found(finding) => return Ok(Fate::Found(finding)),
                Ran::Failed(why) => return Ok(Fate::Failed(why)),
                Ran::Clean(_) => {}
            }
        }
        if mutant.mutation == Mutation::NoLock {
            // That the runs took another course is no effect: threads are preempted at atomic
            // instructions.
            changed = !self.reaches(role, mutant, &[ATOMICITY])?
                && !self.reaches(role, mutant, &preempted)?
                && self.reaches(role, mutant, &SETTINGS)?;
        }
        Ok(if changed {
            Fate::Survived
        } else {
            Fate::Unchanged
        })
    }

    /// Runs an image in each setting, and compares the runs with those of the unchanged driver.
    fn compare(&self, role: Role, image: &Path) -> Result<Compared> {
        let mut compared = Compared::Alike;
        let before = &self.original.courses[&role];
        for (setting, before) in SETTINGS.iter().zip(before) {
            match self.original.run(role, image, *setting)? {
                Ran::Found(finding) => return Ok(Compared::Ended(Fate::Found(finding))),
                Ran::Failed(why) => return Ok(Compared::Ended(Fate::Failed(why))),
                Ran::Clean(now) if now.same_course(before) => {}
                Ran::Clean(_) => compared = Compared::Different,
            }
        }
        Ok(compared)
    }

    /// Returns `true` if a run in one of these settings reaches the instruction of a mutant.
    fn reaches(&self, role: Role, mutant: &Mutant, settings: &[Setting]) -> Result<bool> {
        let probe = self.write(role, mutant.position, &[BREAKPOINT])?;
        for setting in settings {
            let ran = self.original.run(role, &probe, *setting)?;
            if matches!(ran, Ran::Found(_)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes the driver of `role` with these bytes at `position`.
    fn write(&self, role: Role, position: usize, bytes: &[u8]) -> Result<PathBuf> {
        let driver = self.original.driver(role);
        let mut content = fs::read(&driver)
            .with_context(|| format!("{} cannot be read: build it again", driver.display()))?;
        let place = content.get_mut(position..position + bytes.len());
        let changed = || format!("{} has changed meanwhile: try again", driver.display());
        place.with_context(changed)?.copy_from_slice(bytes);
        let image = self
            .directory
            .join(driver.file_name().context("it has a name")?);
        fs::write(&image, content)
            .with_context(|| format!("{} cannot be written: free the path", image.display()))?;
        Ok(image)
    }
}
