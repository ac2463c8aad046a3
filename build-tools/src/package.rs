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
mod trial;
mod verify;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use driver_image::DriverImage;

use crate::outcome::Outcome;
use crate::parts::Purpose;
use crate::screen::{self, say};
use crate::workspace::{DRIVERS, Workspace, image};
use crate::{artifact, build, program, setup, stress};
use manifest::{Kind, Manifest};
use source::Source;
use staging::Staging;
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

/// Makes a package; `None` if something does not build. Every part must be
/// there.
pub(crate) fn assemble(workspace: &Workspace, options: &Options) -> Result<Option<Package>> {
    options.check(workspace)?;
    let directory = options.directory(workspace);
    let staging = Staging::beside(&directory)?;
    if build::drivers(workspace)? != Outcome::Done {
        return Ok(None);
    }
    let Some(program) = program::build(workspace)? else {
        return Ok(None);
    };

    let signer = signing::signer(workspace)?;
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
        let from = options.given(package).unwrap_or(&built);
        let kind = match options.given(package) {
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
    for name in signer.catalogues(staging.path())? {
        add(&name, Kind::Catalogue, None)?;
    }
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
