// SPDX-License-Identifier: MIT OR Apache-2.0

//! Assembles a package: builds, signs, describes and publishes its files.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::manifest::{Content, Manifest};
use super::signing::{self, Signer};
use super::source::Source;
use super::staging::Staging;
use super::{CERTIFICATE, GUIDE, Options, Package, guide, inf};
use crate::building::{drivers, windows_program};
use crate::terminal::Outcome;
use crate::workspace::{DRIVERS, Workspace, image};

/// The profile of Windows Performance Recorder for the events of the pair.
const PROFILE: &str = "nmr-pair.wprp";

/// Makes a package; returns `None` if something does not build. The prerequisites must
/// have been ensured.
pub(crate) fn assemble(workspace: &Workspace, options: &Options) -> Result<Option<Package>> {
    options.check(workspace)?;
    let directory = options.directory(workspace);
    let staging = Staging::beside(&directory)?;
    if drivers::build(workspace)? != Outcome::Done {
        return Ok(None);
    }
    let Some(program) = windows_program::build(workspace)? else {
        return Ok(None);
    };
    let source = Source::of(workspace)?;
    let mut assembly = Assembly {
        workspace,
        manifest: Manifest::new(&source)?,
        signer: signing::signer(workspace)?,
        staging,
        source,
    };
    for package in DRIVERS {
        let built = workspace.driver(&image(package));
        match options.override_of(package) {
            Some(image) => assembly.driver(package, Content::OverrideDriver, image)?,
            None => assembly.driver(package, Content::Driver, &built)?,
        }
    }
    let profile = workspace.root().join("shared-npi").join(PROFILE);
    assembly.copy(PROFILE, Content::RecordingProfile, &profile)?;
    let name = format!("{}.exe", windows_program::NAME);
    assembly.copy(&name, Content::Program, &program)?;
    assembly.finish(&directory).map(Some)
}

/// A package in the making.
struct Assembly<'a> {
    workspace: &'a Workspace,
    source: Source,
    signer: Box<dyn Signer>,
    staging: Staging,
    manifest: Manifest,
}

impl Assembly<'_> {
    /// Adds the signed image, its .pdb if it has one, and its INF.
    fn driver(&mut self, package: &str, content: Content, from: &Path) -> Result<()> {
        let driver = image(package);
        let name = format!("{driver}.sys");
        let signed = self.staging.path().join(&name);
        self.signer.sign(from, &signed, self.source.committed())?;
        self.enter(&name, content, Some(&fs::read(from)?))?;
        let symbols = from.with_extension("pdb");
        if symbols.is_file() {
            self.copy(&format!("{driver}.pdb"), Content::Symbols, &symbols)?;
        }
        let text = inf::text(self.workspace, package, &self.source)?;
        self.write(&format!("{driver}.inf"), Content::Installation, &text)
    }

    fn copy(&mut self, name: &str, content: Content, from: &Path) -> Result<()> {
        self.staging.copy(from, name)?;
        self.enter(name, content, None)
    }

    fn write(&mut self, name: &str, content: Content, bytes: &[u8]) -> Result<()> {
        self.staging.write(name, bytes)?;
        self.enter(name, content, None)
    }

    /// Enters a file of the package into the manifest; `unsigned` is its content before
    /// it was signed.
    fn enter(&mut self, name: &str, content: Content, unsigned: Option<&[u8]>) -> Result<()> {
        let bytes = fs::read(self.staging.path().join(name))?;
        self.manifest.add(name, content, &bytes, unsigned);
        Ok(())
    }

    /// Adds catalogues, certificate, guide and manifest, and publishes the package.
    fn finish(mut self, place: &Path) -> Result<Package> {
        for name in self.signer.catalogues(self.staging.path())? {
            self.enter(&name, Content::Catalogue, None)?;
        }
        let certificate = self.signer.certificate()?;
        self.write(CERTIFICATE, Content::Certificate, &certificate)?;
        let guide = guide::text(&self.source);
        self.write(GUIDE, Content::Guide, &guide)?;
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
