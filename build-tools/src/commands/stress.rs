// SPDX-License-Identifier: MIT OR Apache-2.0

//! `stress`: loads and unloads both drivers repeatedly, in the simulated kernel, under
//! Wine, or on a machine.

mod arguments;
mod loaded;
mod peers;

use std::borrow::Cow;
use std::env;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;

use ::vm::Guest;
use anyhow::{Result, ensure};
use child::interrupt::{Graceful, interrupted};

use crate::building::driver_packages::{self, DriverPackage};
use crate::building::{drivers, interop};
use crate::exchange::ExchangePaths;
use crate::machines;
use crate::prerequisites::{self, Purpose};
use crate::stress::machine::{self, MachineRuns};
use crate::stress::sim::SimulatedRun;
use crate::stress::summary::Detail;
use crate::stress::{
    ReportPaths, StressPlan, Tier, open_points, scenario_list, wine, write_unbegun,
};
use crate::terminal::{self, Outcome, Verdict, print};
use crate::workspace::{DRIVERS, Workspace};
pub(crate) use arguments::Arguments;
pub(crate) use loaded::Loaded;
use peers::add_peers;

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    if arguments.list {
        print(scenario_list::text());
        print(open_points::table());
        return Ok(Verdict::of_a_list());
    }
    let workspace = match arguments.on {
        Tier::Sim => Workspace::find()?,
        Tier::Wine | Tier::Vm(_) => Workspace::checkout()?,
    };
    let catalogue = arguments.guests.read(&workspace)?;
    let guest = match &arguments.on {
        Tier::Vm(name) => Some(catalogue.find(name)?),
        Tier::Sim | Tier::Wine => None,
    };
    arguments.check(guest, &workspace)?;
    let packages = unbuilt(&workspace, arguments, guest)?;
    let arguments = with_drivers(&workspace, arguments, &packages)?;
    let mut plan = unprepared(&workspace, &arguments);
    let step_summary = env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
    let step_summary = step_summary.map(PathBuf::from);
    let paths = ReportPaths {
        json: arguments.json.as_deref(),
        html: arguments.html.as_deref(),
        exchange: ExchangePaths {
            junit: arguments.junit.as_deref(),
            sarif: arguments.sarif.as_deref(),
            step_summary: step_summary.as_deref(),
        },
    };
    // A signal ends what runs then, and the files are written nevertheless.
    let _graceful = Graceful::begin();
    let prepared = prepare(&workspace, &arguments, guest, &packages, &mut plan);
    if interrupted() {
        let verdict = terminal::interrupted();
        write_unbegun(&workspace, &plan, paths, &verdict)?;
        return Ok(verdict);
    }
    match prepared? {
        Outcome::Done => {}
        other => return Ok(other.into()),
    }
    if let Some(shard) = arguments.shard {
        plan.limit_to(shard)?;
    }
    print(format!("stress: {}", plan.command(plan.first, plan.cycles)));
    if let Some(guest) = guest {
        let runs = MachineRuns {
            plan: &plan,
            guest,
            repeat: arguments.repeat,
            keep: arguments.keep,
            paths,
        };
        return machine::stress(&workspace, &runs);
    }
    let jobs = arguments.jobs(plan.cycles);
    if arguments.on == Tier::Wine {
        return wine::stress(&workspace, &plan, jobs, arguments.keep, paths);
    }
    let run = SimulatedRun::new(&workspace, &plan);
    if arguments.trace {
        return run.trace();
    }
    let detail = if arguments.verbose {
        Detail::All
    } else {
        Detail::Short
    };
    run.stress(jobs, detail, paths)
}

/// The plan of a run in the simulated kernel, and what it needs built. A verdict stands for
/// a plan that cannot be.
pub(super) fn planned(
    workspace: &Workspace,
    arguments: &Arguments,
) -> Result<Result<StressPlan, Verdict>> {
    arguments.check(None, workspace)?;
    let packages = unbuilt(workspace, arguments, None)?;
    let arguments = with_drivers(workspace, arguments, &packages)?;
    let mut plan = unprepared(workspace, &arguments);
    let _graceful = Graceful::begin();
    let prepared = prepare(workspace, &arguments, None, &packages, &mut plan);
    if interrupted() {
        return Ok(Err(terminal::interrupted()));
    }
    match prepared? {
        Outcome::Done => Ok(Ok(plan)),
        other => Ok(Err(other.into())),
    }
}

/// The arguments with what a workspace elsewhere builds: it is named as other drivers are.
fn with_drivers<'a>(
    workspace: &Workspace,
    arguments: &'a Arguments,
    packages: &[DriverPackage],
) -> Result<Cow<'a, Arguments>> {
    let mut arguments = Cow::Borrowed(arguments);
    if !workspace.is_checkout() && !packages.is_empty() {
        let images = packages.iter().map(|it| workspace.driver(&it.image));
        arguments.to_mut().loaded.drivers = images.map(Workspace::relative).collect();
        arguments.check_drivers(None)?;
    }
    Ok(arguments)
}

/// The plan that the arguments ask for, of which nothing is built yet.
fn unprepared(workspace: &Workspace, arguments: &Arguments) -> StressPlan {
    let mut plan = StressPlan::new(workspace, arguments.on.clone(), arguments.overrides());
    plan.drivers.clone_from(&arguments.loaded.drivers);
    plan.only = arguments.only;
    plan.options = arguments.options();
    plan.seed = arguments.seed.unwrap_or_else(random_seed);
    plan.first = arguments.first;
    plan.cycles = arguments.cycles.unwrap_or(arguments::CYCLES);
    plan
}

/// The drivers of the workspace that the run needs and does not name. A machine gets a
/// package, which builds its drivers.
fn unbuilt(
    workspace: &Workspace,
    arguments: &Arguments,
    guest: Option<&Guest>,
) -> Result<Vec<DriverPackage>> {
    let named = arguments.overrides().len();
    if guest.is_some() || named == 2 || !arguments.loaded.drivers.is_empty() {
        return Ok(Vec::new());
    }
    if workspace.is_checkout() {
        return driver_packages::find(workspace, &DRIVERS);
    }
    ensure!(
        named == 0,
        "one driver of two: name the other one, too, or this one by --driver"
    );
    ensure!(
        workspace.manifest().is_some(),
        "there is no workspace here: name each driver by --driver FILE"
    );
    driver_packages::find(workspace, &[])
}

/// Builds what the run needs, these packages among it, and completes the plan.
fn prepare(
    workspace: &Workspace,
    arguments: &Arguments,
    guest: Option<&Guest>,
    packages: &[DriverPackage],
    plan: &mut StressPlan,
) -> Result<Outcome> {
    let ready = match (&arguments.on, guest) {
        (_, Some(guest)) => machines::ensure_ready(workspace, guest)?,
        (Tier::Wine, None) => prerequisites::ensure(Purpose::Wine)?,
        (_, None) => Outcome::Done,
    };
    if ready != Outcome::Done {
        return Ok(ready);
    }
    if !packages.is_empty() {
        let built = drivers::set_up_and_build(workspace, packages)?;
        if built != Outcome::Done {
            return Ok(built);
        }
    }
    if arguments.on != Tier::Sim {
        return Ok(Outcome::Done);
    }
    if plan.is_own_pair() {
        interop::build(workspace)?;
    }
    if let Some(conduct) = arguments.loaded.peer {
        add_peers(plan, conduct, &arguments.loaded.npi, workspace)?;
    }
    if arguments.cycles.is_none() && arguments.is_systematic() {
        plan.cycles = SimulatedRun::new(workspace, plan).systematic_cycles()?;
    }
    Ok(Outcome::Done)
}

/// A random seed that is short enough to type.
fn random_seed() -> u64 {
    // The standard library's only source of randomness.
    RandomState::new().build_hasher().finish() & u64::from(u32::MAX)
}
