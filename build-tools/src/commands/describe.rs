// SPDX-License-Identifier: MIT OR Apache-2.0

//! `describe`: what a driver image is, and what it does when it is loaded and unloaded
//! alone in the simulated kernel.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::simulator::{self, description};
use crate::terminal::{Verdict, print};
use crate::workspace::artifact;

#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask describe target/drivers/provider.sys               as text
  cargo xtask describe target/drivers/client.sys --json -        as JSON, for a program")]
pub(crate) struct Arguments {
    /// Driver image, such as target/drivers/provider.sys
    image: PathBuf,
    /// Also write the description to this file; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    if let Some(path) = &arguments.json {
        artifact::check_writable("--json", path)?;
    }
    let image = &arguments.image;
    std::fs::File::open(image)
        .with_context(|| format!("{} cannot be read: name a driver image", image.display()))?;
    let description = simulator::describe(image)?;
    if let Some(path) = &arguments.json {
        artifact::write_json(path, &description)?;
    }
    print(description::text(&description));
    Ok(simulator::verdict(&description))
}
