// SPDX-License-Identifier: MIT OR Apache-2.0

//! Putting a package together.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::manifest::{Kind, Manifest};
use super::signing::{self, Signer};
use super::source::Source;
use super::staging::Staging;
use super::{CERTIFICATE, GUIDE, Options, Package, guide, inf};
use crate::outcome::Outcome;
use crate::workspace::{DRIVERS, Workspace, image};
use crate::{build, program};

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
    let source = Source::of(workspace)?;
    let mut assembly = Assembly {
        manifest: Manifest::new(&source)?,
        signer: signing::signer(workspace)?,
        staging,
        source,
    };
    for package in DRIVERS {
        let given = options.given(package);
        let built = workspace.drivers().join(image(package));
        let built = built.with_extension("sys");
        let kind = given.map_or(Kind::Driver, |_| Kind::GivenDriver);
        assembly.driver(package, kind, given.unwrap_or(&built))?;
    }
    let name = format!("{}.exe", program::NAME);
    assembly.copy(&name, Kind::Program, &program)?;
    assembly.finish(&directory).map(Some)
}

/// A package in the making.
struct Assembly {
    source: Source,
    signer: Box<dyn Signer>,
    staging: Staging,
    manifest: Manifest,
}

impl Assembly {
    /// The image, signed, its .pdb if it has one, and its INF.
    fn driver(&mut self, package: &str, kind: Kind, from: &Path) -> Result<()> {
        let driver = image(package);
        let name = format!("{driver}.sys");
        let signed = self.staging.path().join(&name);
        self.signer.sign(from, &signed, self.source.committed())?;
        self.enter(&name, kind, Some(&fs::read(from)?))?;
        let symbols = from.with_extension("pdb");
        if symbols.is_file() {
            self.copy(&format!("{driver}.pdb"), Kind::Symbols, &symbols)?;
        }
        let text = inf::text(package, &self.source);
        self.write(&format!("{driver}.inf"), Kind::Installation, &text)
    }

    fn copy(&mut self, name: &str, kind: Kind, from: &Path) -> Result<()> {
        self.staging.copy(from, name)?;
        self.enter(name, kind, None)
    }

    fn write(&mut self, name: &str, kind: Kind, bytes: &[u8]) -> Result<()> {
        self.staging.write(name, bytes)?;
        self.enter(name, kind, None)
    }

    /// Enters a file that is there into the manifest; `unsigned` is what it was
    /// before it was signed.
    fn enter(&mut self, name: &str, kind: Kind, unsigned: Option<&[u8]>) -> Result<()> {
        let bytes = fs::read(self.staging.path().join(name))?;
        self.manifest.add(name, kind, &bytes, unsigned);
        Ok(())
    }

    /// Adds what is about the others, and puts the package into its place.
    fn finish(mut self, place: &Path) -> Result<Package> {
        for name in self.signer.catalogues(self.staging.path())? {
            self.enter(&name, Kind::Catalogue, None)?;
        }
        let certificate = self.signer.certificate()?;
        self.write(CERTIFICATE, Kind::Certificate, &certificate)?;
        let guide = guide::text(&self.source);
        self.write(GUIDE, Kind::Guide, &guide)?;
        for (name, bytes) in self.manifest.files()? {
            self.staging.write(name, &bytes)?;
        }
        let published = self.staging.publish(place);
        let files = published
            .with_context(|| format!("{} cannot be made: free the path", place.display()))?;
        Ok(Package {
            directory: place.to_owned(),
            files,
        })
    }
}
