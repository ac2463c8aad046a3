// SPDX-License-Identifier: MIT OR Apache-2.0

//! `build`: builds the drivers and checks their images.

use std::time::Instant;

use anyhow::Result;
use clap::Args;

use crate::building::{drivers, image_report};
use crate::terminal::{Outcome, Verdict, count_of, print, time};
use crate::workspace::{DRIVERS, Workspace, image};

#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask build              build what has changed; print a line for each new image
  cargo xtask build --verbose    also list the sections and imports of each image")]
pub(crate) struct Arguments {
    /// List the sections and imports of each image.
    #[arg(long, short)]
    verbose: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    let started = Instant::now();
    match drivers::set_up_and_build()? {
        Outcome::Done => {}
        other => return Ok(other.into()),
    }
    let workspace = Workspace::find()?;
    if arguments.verbose {
        for driver in DRIVERS.map(image) {
            print(image_report::read(&workspace.driver(&driver))?);
        }
    }
    let images = count_of(&DRIVERS, "image", "images");
    let directory = workspace.drivers();
    let directory = workspace.shown(&directory);
    let took = time(started.elapsed());
    Ok(Verdict::pass(format!(
        "{images} in {directory}, built and checked in {took}"
    )))
}
