// SPDX-License-Identifier: MIT OR Apache-2.0

//! `build`: builds the drivers of a workspace and checks their images.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;

use crate::building::{driver_packages, drivers, image_report};
use crate::terminal::{Outcome, Verdict, count_of, print, time};
use crate::workspace::Workspace;

#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask build              build what has changed; print a line for each new image
  cargo xtask build --verbose    also list the sections and imports of each image
  cargo xtask build --manifest-path ../mine/Cargo.toml --package mine")]
pub(crate) struct Arguments {
    /// Manifest of the workspace, or of a package in it [default: that of the current
    /// directory].
    #[arg(long, value_name = "PATH")]
    manifest_path: Option<PathBuf>,
    /// Build only this driver; may be given several times [default: all of the workspace,
    /// in a clone of this project the pair].
    #[arg(long, short, value_name = "NAME")]
    package: Vec<String>,
    /// List the sections and imports of each image.
    #[arg(long, short)]
    verbose: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Verdict> {
    let started = Instant::now();
    let workspace = match &arguments.manifest_path {
        Some(manifest) => {
            ensure!(
                manifest.is_file(),
                "--manifest-path {} is no file: name a Cargo.toml",
                manifest.display()
            );
            Workspace::of(manifest)?
        }
        None => Workspace::find()?,
    };
    let names: Vec<_> = arguments.package.iter().map(String::as_str).collect();
    let packages = driver_packages::find(&workspace, &names)?;
    match drivers::set_up_and_build(&workspace, &packages)? {
        Outcome::Done => {}
        other => return Ok(other.into()),
    }
    if arguments.verbose {
        for package in &packages {
            print(image_report::read(&workspace.driver(&package.image))?);
        }
    }
    let images = count_of(&packages, "image", "images");
    let directory = workspace.drivers();
    let directory = workspace.shown(&directory);
    let took = time(started.elapsed());
    Ok(Verdict::pass(format!(
        "{images} in {directory}, built and checked in {took}"
    )))
}
