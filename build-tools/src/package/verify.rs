// SPDX-License-Identifier: MIT OR Apache-2.0

//! `package --verify`: whether a package is what its manifest says, and its
//! drivers what Windows wants.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use driver_image::DriverImage;
use serde::Serialize;

use super::manifest::{self, Entry, Kind, Manifest};
use super::{CERTIFICATE, inf, signing, staging};
use crate::workspace::{DRIVERS, image};

/// What was found.
#[derive(Serialize)]
pub(super) struct Verdict {
    pub(super) package: PathBuf,
    /// How many files there are.
    pub(super) files: usize,
    /// How many drivers are signed by the certificate of the package.
    pub(super) signed: usize,
    pub(super) passed: bool,
    pub(super) faults: Vec<Fault>,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Fault {
    pub(super) file: String,
    what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.what)
    }
}

/// Looks at everything in the package.
pub(super) fn verdict(package: &Path) -> Result<Verdict> {
    let names = staging::names(package).unwrap_or_default();
    ensure!(
        !names.is_empty(),
        "{} has no package: make one with `cargo xtask package`",
        package.display()
    );
    let mut look = Look {
        package,
        certificate: None,
        signed: 0,
        faults: Vec::new(),
    };
    if let Some(manifest) = look.manifest()? {
        look.names(&manifest, &names);
        look.certificate()?;
        for (name, entry) in &manifest.files {
            look.file(name, entry)?;
        }
    }
    Ok(Verdict {
        package: package.to_owned(),
        files: names.len(),
        signed: look.signed,
        passed: look.faults.is_empty(),
        faults: look.faults,
    })
}

struct Look<'a> {
    package: &'a Path,
    /// The certificate, if it is there and is one.
    certificate: Option<PathBuf>,
    signed: usize,
    faults: Vec<Fault>,
}

impl Look<'_> {
    fn fault(&mut self, file: &str, what: impl Into<String>) {
        self.faults.push(Fault {
            file: file.to_owned(),
            what: what.into(),
        });
    }

    /// The content of a file that should be there.
    fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.package.join(name);
        if !path.is_file() {
            self.fault(name, "it is missing");
            return Ok(None);
        }
        fs::read(&path)
            .map(Some)
            .with_context(|| format!("{} cannot be read", path.display()))
    }

    /// The manifest, if it is one.
    fn manifest(&mut self) -> Result<Option<Manifest>> {
        let Some(text) = self.read(manifest::NAME)? else {
            return Ok(None);
        };
        let wanted = manifest::hash_line(&text);
        if let Some(line) = self.read(manifest::HASH_NAME)?
            && line != wanted.as_bytes()
        {
            let what = format!("its SHA-256 is not what {} says", manifest::HASH_NAME);
            self.fault(manifest::NAME, what);
            self.fault(
                manifest::HASH_NAME,
                format!("it is not {:?}", wanted.trim()),
            );
        }
        match serde_json::from_slice(&text) {
            Ok(manifest) => Ok(Some(manifest)),
            Err(error) => {
                self.fault(manifest::NAME, format!("it cannot be understood: {error}"));
                Ok(None)
            }
        }
    }

    /// No file more than in the manifest, and no driver less than there are.
    fn names(&mut self, manifest: &Manifest, names: &[String]) {
        let own = [manifest::NAME, manifest::HASH_NAME];
        for name in names {
            if !manifest.files.contains_key(name) && !own.contains(&name.as_str()) {
                self.fault(name, "it is not in the manifest");
            }
        }
        let parts = DRIVERS.map(image);
        let parts = parts
            .iter()
            .flat_map(|driver| ["sys", "inf"].map(|kind| format!("{driver}.{kind}")))
            .chain([CERTIFICATE.to_owned()]);
        for name in parts {
            if !manifest.files.contains_key(&name) {
                self.fault(&name, "the manifest does not have it");
            }
        }
    }

    /// That it is missing is found like that of any other file.
    fn certificate(&mut self) -> Result<()> {
        let path = self.package.join(CERTIFICATE);
        if !path.is_file() {
            return Ok(());
        }
        if signing::is_certificate(&path)? {
            self.certificate = Some(path);
        } else {
            self.fault(CERTIFICATE, "it is not a certificate");
        }
        Ok(())
    }

    fn file(&mut self, name: &str, entry: &Entry) -> Result<()> {
        let Some(bytes) = self.read(name)? else {
            return Ok(());
        };
        let (size, wanted) = (bytes.len() as u64, entry.size);
        if size != wanted {
            self.fault(
                name,
                format!("it has {size} bytes, the manifest says {wanted}"),
            );
        }
        let (hash, wanted) = (manifest::sha256(&bytes), &entry.sha256);
        if hash != *wanted {
            self.fault(
                name,
                format!("its SHA-256 is {hash}, the manifest says {wanted}"),
            );
        }
        match entry.kind {
            Kind::Driver | Kind::GivenDriver => self.driver(name, entry.kind, bytes),
            Kind::Installation => {
                self.installation(name, &bytes);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn driver(&mut self, name: &str, kind: Kind, bytes: Vec<u8>) -> Result<()> {
        let image = match DriverImage::parse(name, bytes) {
            Ok(image) => image,
            Err(error) => {
                self.fault(name, format!("it {}", error.fault));
                return Ok(());
            }
        };
        // What was given may be a defective module of the zoo.
        if kind == Kind::Driver {
            for defect in image.check() {
                self.fault(name, defect.to_string());
            }
        }
        let (claimed, checksum) = (image.claimed_checksum(), image.checksum());
        if claimed != checksum {
            self.fault(
                name,
                format!("its header has the checksum {claimed:#x}, its bytes {checksum:#x}"),
            );
        }
        if let Some(certificate) = &self.certificate {
            match signing::fault(&self.package.join(name), certificate)? {
                Some(what) => self.fault(name, what),
                None => self.signed += 1,
            }
        }
        Ok(())
    }

    fn installation(&mut self, name: &str, text: &[u8]) {
        let package = DRIVERS
            .into_iter()
            .find(|package| format!("{}.inf", image(package)) == name);
        match package {
            Some(package) => {
                for what in inf::faults(package, text) {
                    self.fault(name, what);
                }
            }
            None => self.fault(name, "it installs none of the drivers"),
        }
    }
}
