// SPDX-License-Identifier: MIT OR Apache-2.0

//! `replay`: runs the cycle of a finding again, and shows it event by event.
//!
//! A replay line is one word: `key=value` pairs separated by commas.
//!
//! | key | value |
//! |---|---|
//! | `seed` | what all choices were drawn from |
//! | `cycle` | the number of the cycle, which chooses its schedule |
//! | `provider`, `client` | an image other than the one built here: a path, or `zoo:NAME` for a module of the zoo, `zoo:NAME-twin` for its twin |
//! | `script` | what the cycle does, if not what is drawn for it: `+p.+c~250.-p-c` loads the provider, loads the client, waits 250 us, unloads both at once; `+c2` is a second client, `-c@idle` an unload once it is idle |
//! | `schedule` | which thread goes on at which decision of the scheduler, if not what is drawn: `12:3.57:1`, or `none` if each goes on until it waits |
//! | any other | an option of the simulated kernel: `preempt` becomes `--preempt`, `strategy=pct` `--strategy=pct` |
//!
//! The exit status is 1 if something is found again, 0 if not.

mod line;
mod shorten;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::outcome::Outcome;
use crate::parts::Purpose;
use crate::screen::say;
use crate::stress::{framework_arguments, framework_drivers};
use crate::workspace::Workspace;
use crate::zoo::{Catalogue, Workshop};
use crate::{build, host, setup};
pub(crate) use line::{Image, Line};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The line that a finding was printed with: seed=7,cycle=3
    line: Line,
    /// Look for the shortest trace that fails in the same way, and print its line.
    #[arg(long)]
    minimise: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let line = &arguments.line;
    let workspace = Workspace::find()?;
    let needs_zoo = line
        .images()
        .any(|image| matches!(image, Some(Image::Zoo(_))));
    if needs_zoo {
        match setup::ensure(Purpose::Check)? {
            Outcome::Done => {}
            other => return Ok(other),
        }
    }
    if line.images().any(|image| image.is_none()) {
        let built = build::run()?;
        if built != Outcome::Done {
            return Ok(built);
        }
    }
    let mut command = Command::new(host::sim(&workspace)?);
    for (role, image) in ["provider", "client"].into_iter().zip(line.images()) {
        let path = path(&workspace, role, image)?;
        command.arg(format!("--{role}")).arg(path);
    }
    if line.images().all(|image| image.is_none()) {
        command.args(framework_arguments(&framework_drivers(&workspace)));
    }
    command.args(line.arguments()).args(["--cycles", "1"]);
    say(format!("replay: {line}"));
    if arguments.minimise {
        return shorten::run(&mut command, line);
    }
    let status = command
        .arg("--trace")
        .status()
        .context("the simulated kernel cannot be run")?;
    match status.code() {
        Some(0) => Ok(Outcome::Done),
        Some(1) => Ok(Outcome::Found),
        // It has said why.
        Some(2) => Ok(Outcome::Missing),
        _ => bail!("the simulated kernel died ({status})"),
    }
}

/// Where the image of `role` is.
fn path(workspace: &Workspace, role: &str, image: Option<&Image>) -> Result<PathBuf> {
    let name = match image {
        None => return Ok(workspace.drivers().join(role).with_extension("sys")),
        Some(Image::File(path)) => return Ok(path.clone()),
        Some(Image::Zoo(name)) => name,
    };
    let recipe = Catalogue::read(workspace)?.recipe(name)?;
    let is = recipe.role.name();
    ensure!(
        is == role,
        "zoo:{name} is a {is}, not a {role}: give it as {is}=zoo:{name}"
    );
    Workshop::open(workspace)?.make(&recipe)
}
