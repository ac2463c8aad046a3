// SPDX-License-Identifier: MIT OR Apache-2.0

//! `package`: all that a machine under test gets, in one directory: the drivers,
//! signed for test, their .pdb and INF, the certificate, the program that stresses
//! them, a guide, and a manifest of it all.
//!
//! # Design
//!
//! A package is put together beside its place and then renamed, so there is a
//! whole one or none. The manifest knows every file; what it says is what
//! `--verify` checks, with what the files themselves say.
//!
//! # Limits
//!
//! No catalogue is made where there is no `inf2cat`, which is on Windows only:
//! without one `pnputil` refuses the INF, and `sc create` is the way.

mod assembly;
mod guide;
mod inf;
mod manifest;
mod signing;
mod source;
mod staging;
mod trial;
mod verify;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use driver_image::DriverImage;

use crate::outcome::Outcome;
use crate::parts::Purpose;
use crate::screen::{self, say};
use crate::workspace::Workspace;
use crate::{artifact, setup, stress};
pub(crate) use assembly::assemble;
pub(crate) use trial::{builds_alike_again, builds_alike_elsewhere, is_watertight};

/// The certificate that a machine under test is to trust.
const CERTIFICATE: &str = "NmrPairTest.cer";
const GUIDE: &str = "README.txt";

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Check a package instead of making one.
    #[arg(long, conflicts_with = "Options")]
    verify: bool,
    /// With --verify: which one; that in target/package unless given.
    #[arg(value_name = "DIR", requires = "verify")]
    directory: Option<PathBuf>,
    /// With --verify: where to write the verdict.
    #[arg(long, value_name = "FILE", requires = "verify")]
    json: Option<PathBuf>,
}

/// What differs from the package of what is built here.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Options {
    /// Another provider than the one built here.
    #[arg(long, value_name = "FILE")]
    pub(crate) provider: Option<PathBuf>,
    /// Another client than the one built here.
    #[arg(long, value_name = "FILE")]
    pub(crate) client: Option<PathBuf>,
    /// Where the package is put; target/package unless given.
    #[arg(long, value_name = "DIR")]
    pub(crate) into: Option<PathBuf>,
}

impl Options {
    /// Refuses what cannot be done, before anything is.
    pub(crate) fn check(&self, workspace: &Workspace) -> Result<()> {
        for file in [&self.provider, &self.client].into_iter().flatten() {
            DriverImage::read(file)?;
        }
        staging::check(&self.directory(workspace))
    }

    fn directory(&self, workspace: &Workspace) -> PathBuf {
        self.into.clone().unwrap_or_else(|| place(workspace))
    }

    /// What takes the place of the driver of this package.
    fn given(&self, package: &str) -> Option<&Path> {
        match package {
            "provider" => self.provider.as_deref(),
            "client" => self.client.as_deref(),
            _ => None,
        }
    }
}

/// A package on the disk.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    directory: PathBuf,
    files: Vec<String>,
}

impl Package {
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The names of its files, in ascending order.
    pub(crate) fn files(&self) -> &[String] {
        &self.files
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    if let Some(json) = &arguments.json {
        stress::check_writable(json)?;
    }
    let workspace = Workspace::find()?;
    if arguments.verify {
        let directory = arguments.directory.clone();
        let directory = directory.unwrap_or_else(|| place(&workspace));
        return verify(&directory, arguments.json.as_deref());
    }
    arguments.options.check(&workspace)?;
    match setup::ensure(Purpose::Package)? {
        Outcome::Done => {}
        other => return Ok(other),
    }
    let Some(package) = assemble(&workspace, &arguments.options)? else {
        return Ok(Outcome::Found);
    };
    let files = package.files();
    say(format!(
        "package: {} files in {}",
        files.len(),
        package.directory().display()
    ));
    if !files.iter().any(|name| is_catalogue(name)) {
        say(format!(
            "package: without catalogues, which inf2cat makes on Windows: install as {GUIDE} says"
        ));
    }
    Ok(Outcome::Done)
}

fn is_catalogue(name: &str) -> bool {
    Path::new(name).extension() == Some(OsStr::new("cat"))
}

fn place(workspace: &Workspace) -> PathBuf {
    workspace.target().join("package")
}

fn verify(directory: &Path, json: Option<&Path>) -> Result<Outcome> {
    let verdict = verify::verdict(directory)?;
    if let Some(path) = json {
        artifact::write(path, &serde_json::to_vec_pretty(&verdict)?)?;
    }
    for fault in &verdict.faults {
        screen::error(fault);
    }
    if !verdict.passed {
        return Ok(Outcome::Found);
    }
    say(format!(
        "package: {} files in {} are as they were made, {} drivers signed by {CERTIFICATE}",
        verdict.files,
        directory.display(),
        verdict.signed
    ));
    Ok(Outcome::Done)
}
