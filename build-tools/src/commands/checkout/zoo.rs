// SPDX-License-Identifier: MIT OR Apache-2.0

//! `zoo`: tries the defective modules of `tests/zoo`, or lists them.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use child::interrupt::{Graceful, interrupted};
use clap::Args;

use crate::building::drivers;
use crate::prerequisites::{self, Purpose};
use crate::stress::Tier;
use crate::terminal::PROGRAM;
use crate::terminal::{Outcome, Verdict, print};
use crate::workspace::{OutputFiles, Workspace};
use crate::zoo::sim::{self, Budget, ResultPaths, Trials, Tried};
use crate::zoo::{Catalogue, DefectIndex, Module, SEED, mutants, wine};

#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask zoo --list                          the modules, their defects and sources
  cargo xtask zoo missing_wait --schedules 100    one module
  cargo xtask zoo --on wine                       the modules whose defects show under Wine
  cargo xtask zoo --mutate --sample 100           100 defects made by machine from the pair's drivers")]
pub(crate) struct Arguments {
    /// Modules to try, or mutants with --mutate [default: all].
    names: Vec<String>,
    /// Number of schedules in which a defect must be found, and the module without it
    /// must be clean. A mutant has half of them without injected faults and half with.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    schedules: u64,
    /// Seed of all random choices.
    #[arg(long, value_name = "S", default_value_t = SEED)]
    seed: u64,
    /// Write the table to this file; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[arg(
        long,
        value_name = "FILE",
        help = "Write the result as JUnit XML to this file: a test case for each module"
    )]
    junit: Option<PathBuf>,
    /// Where to try them: sim (the simulated kernel), or wine, where some defects show.
    #[arg(long, value_name = "WHERE", default_value = "sim", conflicts_with_all = ["schedules", "json", "junit"])]
    on: Tier,
    /// Try mutants of the pair's two drivers instead: copies with one instruction changed,
    /// each of which a stress run has to find if the change has any effect.
    #[arg(long, conflicts_with_all = ["on", "junit", "list"])]
    mutate: bool,
    /// Try no more mutants than these, drawn by the seed.
    #[arg(long, value_name = "N", requires = "mutate", conflicts_with = "names")]
    sample: Option<usize>,
    /// List the modules, their defects, and the index of known defects; try none.
    #[arg(long, conflicts_with_all = ["schedules", "seed", "json", "junit"])]
    list: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    ensure!(
        arguments.schedules > 0,
        "--schedules 0 would try nothing: ask for at least 1"
    );
    let mut files = OutputFiles::default();
    files.add("--json", arguments.json.as_deref())?;
    files.add("--junit", arguments.junit.as_deref())?;
    let workspace = Workspace::checkout()?;
    if arguments.mutate {
        return mutate(arguments, &workspace);
    }
    let catalogue = Catalogue::read(&workspace)?;
    let modules = catalogue.select(&arguments.names)?;
    if arguments.list {
        return list(&workspace, &catalogue, &modules);
    }
    let purpose = match &arguments.on {
        Tier::Sim => Purpose::Check,
        Tier::Wine => Purpose::Wine,
        Tier::Vm(name) => bail!(
            "the zoo runs in the simulated kernel and under Wine: {PROGRAM} stress --on \
             vm:{name} --provider target/zoo/NAME.sys runs one module on a machine"
        ),
    };
    // A signal ends what runs then, and the files are written nevertheless.
    let _graceful = Graceful::begin();
    let paths = ResultPaths {
        json: arguments.json.as_deref(),
        junit: arguments.junit.as_deref(),
    };
    let built = build(purpose, &workspace);
    if interrupted() && arguments.on == Tier::Sim {
        return sim::judge(&Tried::none(&modules), paths);
    }
    match built? {
        Outcome::Done => {}
        other => return Ok(other.into()),
    }
    if arguments.on == Tier::Wine {
        let modules: Vec<_> = if arguments.names.is_empty() {
            wine::detectable(&modules)
        } else {
            modules
        };
        return wine::try_all(&workspace, &modules, arguments.seed);
    }
    let budget = Budget {
        defective: arguments.schedules,
        clean: arguments.schedules,
    };
    let tried = match Trials::new(&workspace, &catalogue, arguments.seed, budget) {
        Err(_) if interrupted() => Tried::none(&modules),
        trials => trials?.try_all(&modules),
    };
    sim::judge(&tried, paths)
}

/// Tries mutants of the pair's drivers.
fn mutate(arguments: &Arguments, workspace: &Workspace) -> Result<Verdict> {
    ensure!(
        arguments.sample != Some(0),
        "--sample 0 would try nothing: ask for at least 1"
    );
    let _graceful = Graceful::begin();
    match build(Purpose::Check, workspace)? {
        Outcome::Done => {}
        other => return Ok(other.into()),
    }
    let wanted = mutants::Wanted {
        names: &arguments.names,
        sample: arguments.sample,
        seed: arguments.seed,
        cycles: arguments.schedules.div_ceil(2),
    };
    let tried = mutants::try_all(workspace, &wanted)?;
    mutants::judge(&tried, arguments.json.as_deref())
}

/// Builds the drivers, if all that is needed for `purpose` is there.
fn build(purpose: Purpose, workspace: &Workspace) -> Result<Outcome> {
    match prerequisites::ensure(purpose)? {
        Outcome::Done => drivers::set_up_and_build_pair(workspace),
        other => Ok(other),
    }
}

/// Lists the modules; if they are all, then also the peers and the index of defects.
fn list(workspace: &Workspace, catalogue: &Catalogue, modules: &[&Module]) -> Result<Verdict> {
    for module in modules {
        print(module);
    }
    if modules.len() == catalogue.modules().len() {
        print("");
        for peer in catalogue.peers() {
            print(peer);
        }
        print("");
        for entry in DefectIndex::read(workspace)?.entries(catalogue) {
            print(entry);
        }
    }
    Ok(Verdict::of_a_list())
}
