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

mod guide;
mod inf;
mod manifest;
mod signing;
mod source;
mod staging;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use driver_image::DriverImage;

use crate::outcome::Outcome;
use crate::parts::Purpose;
use crate::screen::say;
use crate::workspace::{DRIVERS, Workspace, image};
use crate::{build, program, setup};
use manifest::{Kind, Manifest};
use signing::Signer;
use source::Source;
use staging::Staging;

/// The certificate that a machine under test is to trust.
const CERTIFICATE: &str = "NmrPairTest.cer";
const GUIDE: &str = "README.txt";

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    options: Options,
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
    match setup::ensure(Purpose::Package)? {
        Outcome::Done => {}
        other => return Ok(other),
    }
    let workspace = Workspace::find()?;
    let Some(package) = assemble(&workspace, &arguments.options)? else {
        return Ok(Outcome::Found);
    };
    let directory = package.directory().display();
    say(format!(
        "package: {} files in {directory}",
        package.files().len()
    ));
    Ok(Outcome::Done)
}

/// Makes a package; `None` if something does not build. Every part must be
/// there.
pub(crate) fn assemble(workspace: &Workspace, options: &Options) -> Result<Option<Package>> {
    let given = |package: &str| match package {
        "provider" => options.provider.as_deref(),
        "client" => options.client.as_deref(),
        _ => None,
    };
    for file in DRIVERS.iter().filter_map(|package| given(package)) {
        DriverImage::read(file)?;
    }
    let directory = options.into.clone();
    let directory = directory.unwrap_or_else(|| workspace.target().join("package"));
    let staging = Staging::beside(&directory)?;
    if build::drivers(workspace)? != Outcome::Done {
        return Ok(None);
    }
    let Some(program) = program::build(workspace)? else {
        return Ok(None);
    };

    let signer = Signer::open(workspace)?;
    let source = Source::of(workspace)?;
    let mut manifest = Manifest::new(&source)?;
    let mut add = |name: &str, kind, unsigned: Option<&[u8]>| {
        let bytes = fs::read(staging.path().join(name))?;
        manifest.add(name, kind, &bytes, unsigned);
        anyhow::Ok(())
    };
    for package in DRIVERS {
        let driver = image(package);
        let built = workspace.drivers().join(&driver).with_extension("sys");
        let from = given(package).unwrap_or(&built);
        let kind = match given(package) {
            Some(_) => Kind::GivenDriver,
            None => Kind::Driver,
        };
        let name = format!("{driver}.sys");
        signer.sign(from, &staging.path().join(&name), source.committed())?;
        add(&name, kind, Some(&fs::read(from)?))?;
        let symbols = from.with_extension("pdb");
        if symbols.is_file() {
            let name = format!("{driver}.pdb");
            staging.copy(&symbols, &name)?;
            add(&name, Kind::Symbols, None)?;
        }
        let name = format!("{driver}.inf");
        staging.write(&name, &inf::text(package, &source))?;
        add(&name, Kind::Installation, None)?;
    }
    let name = format!("{}.exe", program::NAME);
    staging.copy(&program, &name)?;
    add(&name, Kind::Program, None)?;
    staging.write(CERTIFICATE, &signer.certificate()?)?;
    add(CERTIFICATE, Kind::Certificate, None)?;
    staging.write(GUIDE, &guide::text(&source))?;
    add(GUIDE, Kind::Guide, None)?;
    for (name, bytes) in manifest.files()? {
        staging.write(name, &bytes)?;
    }
    let directory_shown = directory.display().to_string();
    let files = staging
        .publish(&directory)
        .with_context(|| format!("{directory_shown} cannot be made: free the path"))?;
    Ok(Some(Package { directory, files }))
}
