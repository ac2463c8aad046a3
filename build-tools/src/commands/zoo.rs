// SPDX-License-Identifier: MIT OR Apache-2.0

//! `zoo`: tries the defective modules of `tests/zoo`, or lists them.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use clap::Args;

use crate::building::drivers;
use crate::prerequisites::{self, Purpose};
use crate::stress::Tier;
use crate::terminal::PROGRAM;
use crate::terminal::{Outcome, Verdict, print};
use crate::workspace::{Workspace, artifact};
use crate::zoo::sim::{self, Budget, Trials};
use crate::zoo::{Catalogue, DefectIndex, Module, SEED, wine};

#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask zoo --list                          the modules, their defects and sources
  cargo xtask zoo missing_wait --schedules 100    one module
  cargo xtask zoo --on wine                       the modules whose defects show under Wine")]
pub(crate) struct Arguments {
    /// Modules to try [default: all].
    names: Vec<String>,
    /// Number of schedules in which a defect must be found, and the module without it
    /// must be clean.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    schedules: u64,
    /// Seed of all random choices.
    #[arg(long, value_name = "S", default_value_t = SEED)]
    seed: u64,
    /// Write the table to this file; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where to try them: sim (the simulated kernel), or wine, where some defects show.
    #[arg(long, value_name = "WHERE", default_value = "sim", conflicts_with_all = ["schedules", "json"])]
    on: Tier,
    /// List the modules, their defects, and the index of known defects; try none.
    #[arg(long, conflicts_with_all = ["schedules", "seed", "json"])]
    list: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    ensure!(
        arguments.schedules > 0,
        "--schedules 0 would try nothing: ask for at least 1"
    );
    if let Some(path) = &arguments.json {
        artifact::check_writable("--json", path)?;
    }
    let workspace = Workspace::checkout()?;
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
    match prerequisites::ensure(purpose)? {
        Outcome::Done => {}
        other => return Ok(other.into()),
    }
    let built = drivers::set_up_and_build_pair(&workspace)?;
    if built != Outcome::Done {
        return Ok(built.into());
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
    let trials = Trials::new(&workspace, &catalogue, arguments.seed, budget)?;
    sim::judge(&trials.try_all(&modules)?, arguments.json.as_deref())
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
