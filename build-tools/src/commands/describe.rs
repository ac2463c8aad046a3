// SPDX-License-Identifier: MIT OR Apache-2.0

//! `describe`: describes a driver image, and its behaviour when it is loaded and unloaded alone
//! in the simulated kernel.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::simulator::{self, Simulator, description};
use crate::terminal::{Verdict, print};
use crate::workspace::{OutputFiles, Workspace, artifact};

#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask describe target/drivers/provider.sys               as text
  cargo xtask describe target/drivers/client.sys --json -        as JSON, for a program")]
pub(crate) struct Arguments {
    /// Driver image, such as target/drivers/provider.sys
    image: PathBuf,
    /// Description of an NPI that it registers, as npi.toml; may be given several times.
    #[arg(long, value_name = "FILE")]
    npi: Vec<PathBuf>,
    /// Also write the description to this file; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    npi_description::read(&arguments.npi)?;
    let image = &arguments.image;
    let mut files = OutputFiles::default();
    files.reserve("the driver image", image);
    files.add("--json", arguments.json.as_deref())?;
    std::fs::File::open(image)
        .with_context(|| format!("{} cannot be read: name a driver image", image.display()))?;
    let workspace = Workspace::find()?;
    let description = Simulator::new(&workspace).describe(image, &arguments.npi)?;
    if let Some(path) = &arguments.json {
        artifact::write_json(path, &description)?;
    }
    print(description::text(&description));
    Ok(simulator::verdict(&description))
}
