// SPDX-License-Identifier: MIT OR Apache-2.0

//! `replay`: runs the cycle of a finding again, and prints every event.
//!
//! A replay line is one word: `key=value` pairs separated by commas.
//!
//! | key | value |
//! |---|---|
//! | `seed` | the seed of all random choices |
//! | `cycle` | the number of the cycle |
//! | `provider`, `client` | an image that overrides the driver built here: a path, or `zoo:NAME` for a module of the zoo, `zoo:NAME-twin` for its corrected twin |
//! | `driver` | a driver in the role that it registers, instead of a provider and a client; may be given several times |
//! | `script` | what the cycle does; drawn from the seed by default. `+p.+c~250.-p-c` loads the provider, loads the client, waits 250 us, unloads both at the same time; `+c2` is a second client, `-c@idle` unloads it once it is idle |
//! | `schedule` | which thread runs after which scheduling decision; drawn from the seed by default. `12:3.57:1`, or `none` if each thread runs until it waits |
//! | `kernel` | `documents`, `windows` or `both`; by default `both`, or `windows` with other images than those built here |
//! | any other | an option of the simulated kernel: `preempt` becomes `--preempt`, `strategy=pct` `--strategy=pct` |
//!
//! The exit status is 1 if the finding is reproduced, 0 if nothing is found, 2 if the
//! cycle is cut short by something that the simulated kernel does not provide.

mod minimise;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;

use crate::building::drivers;
use crate::prerequisites::{self, Purpose};
use crate::simulator::{self, ImageSource, OTHERS, ReplayLine, Simulator};
use crate::terminal::{Outcome, Verdict, print};
use crate::workspace::Workspace;
use crate::zoo::{Catalogue, Workshop};

#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask replay seed=7,cycle=3                                      the pair built here
  cargo xtask replay seed=1,cycle=0,client=zoo:missing_wait --minimise   the shortest trace")]
pub(crate) struct Arguments {
    /// Replay line of a finding, such as seed=7,cycle=3
    line: ReplayLine,
    /// Search for the shortest trace with the same finding, and print its replay line.
    #[arg(long)]
    minimise: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    let line = &arguments.line;
    let workspace = Workspace::find()?;
    let needs_zoo = line
        .images()
        .flatten()
        .chain(&line.drivers)
        .any(|image| matches!(image, ImageSource::Zoo(_)));
    if needs_zoo {
        match prerequisites::ensure(Purpose::Check)? {
            Outcome::Done => {}
            other => return Ok(other.into()),
        }
    }
    let is_pair = line.drivers.is_empty();
    if is_pair && line.images().any(|image| image.is_none()) {
        let built = drivers::set_up_and_build()?;
        if built != Outcome::Done {
            return Ok(built.into());
        }
    }
    let mut command = if is_pair {
        let [provider, client] = [
            image(&workspace, "provider", line.provider.as_ref())?,
            image(&workspace, "client", line.client.as_ref())?,
        ];
        Simulator::build(&workspace)?.command(&provider, &client)
    } else {
        let drivers = line.drivers.iter();
        let drivers: Result<Vec<_>> = drivers.map(|source| file(&workspace, source)).collect();
        Simulator::build(&workspace)?.command_with(&drivers?)
    };
    if is_pair && line.images().all(|image| image.is_none()) {
        simulator::add_framework_drivers(&mut command, &workspace);
    }
    let own = is_pair && line.images().all(|image| image.is_none());
    if !own && !line.names_kernel() {
        command.arg(format!("--kernel={OTHERS}"));
    }
    command.args(line.arguments()).args(["--cycles", "1"]);
    print(format!("replay: {line}"));
    if arguments.minimise {
        return minimise::run(&mut command, line);
    }
    let traced = simulator::trace(&mut command)?;
    Ok(traced.verdict(&format!("cycle {} of seed {}", line.cycle, line.seed)))
}

/// The path of the image of `role`.
fn image(workspace: &Workspace, role: &str, source: Option<&ImageSource>) -> Result<PathBuf> {
    let name = match source {
        None => return Ok(workspace.driver(role)),
        Some(ImageSource::File(path)) => return Ok(path.clone()),
        Some(ImageSource::Zoo(name)) => name,
    };
    let recipe = Catalogue::read(workspace)?.recipe(name)?;
    let actual = recipe.role.name();
    ensure!(
        actual == role,
        "zoo:{name} is a {actual}, not a {role}: write {actual}=zoo:{name}"
    );
    Workshop::open(workspace)?.make(&recipe)
}

/// The path of an image in the role that it registers.
fn file(workspace: &Workspace, source: &ImageSource) -> Result<PathBuf> {
    match source {
        ImageSource::File(path) => Ok(path.clone()),
        ImageSource::Zoo(name) => {
            let recipe = Catalogue::read(workspace)?.recipe(name)?;
            Workshop::open(workspace)?.make(&recipe)
        }
    }
}
