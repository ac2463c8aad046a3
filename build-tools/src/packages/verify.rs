// SPDX-License-Identifier: MIT OR Apache-2.0

//! Verifies a package: its files against the manifest, its drivers against what Windows
//! requires.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use driver_image::DriverImage;
use serde::Serialize;

use super::manifest::{self, Content, Entry, Manifest};
use super::{CERTIFICATE, inf, signing};
use crate::terminal::PROGRAM;
use crate::workspace::hash::sha256;
use crate::workspace::{DRIVERS, artifact, image};

/// The result, as `--json` writes it.
#[derive(Serialize)]
pub(crate) struct Verdict {
    package: PathBuf,
    /// Number of files.
    pub(crate) files: usize,
    /// Number of drivers signed by the package's certificate.
    pub(crate) signed: usize,
    pub(crate) passed: bool,
    pub(crate) faults: Vec<Fault>,
}

/// A defect of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    pub(crate) file: String,
    what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.what)
    }
}

/// Verifies the package in a directory.
pub(crate) fn verdict(package: &Path) -> Result<Verdict> {
    let names = artifact::names(package).unwrap_or_default();
    ensure!(
        !names.is_empty(),
        "{} has no package: make one with `{PROGRAM} package`",
        package.display()
    );
    let mut verification = Verification {
        package,
        certificate: None,
        signed: 0,
        faults: Vec::new(),
    };
    if let Some(manifest) = verification.manifest()? {
        verification.names(&manifest, &names);
        verification.certificate()?;
        for (name, entry) in &manifest.files {
            verification.file(name, entry)?;
        }
    }
    Ok(Verdict {
        package: package.to_owned(),
        files: names.len(),
        signed: verification.signed,
        passed: verification.faults.is_empty(),
        faults: verification.faults,
    })
}

struct Verification<'a> {
    package: &'a Path,
    /// The certificate, if it exists and is valid.
    certificate: Option<PathBuf>,
    signed: usize,
    faults: Vec<Fault>,
}

impl Verification<'_> {
    fn fault(&mut self, file: &str, what: impl Into<String>) {
        self.faults.push(Fault {
            file: file.to_owned(),
            what: what.into(),
        });
    }

    /// The content of a file; reports it if it is missing.
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

    /// The manifest, if it can be parsed.
    fn manifest(&mut self) -> Result<Option<Manifest>> {
        let Some(text) = self.read(manifest::NAME)? else {
            return Ok(None);
        };
        let wanted = manifest::hash_line(&text);
        if let Some(line) = self.read(manifest::HASH_NAME)?
            && line != wanted.as_bytes()
        {
            let what = format!("its SHA-256 is not the one in {}", manifest::HASH_NAME);
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

    /// Reports files that the manifest lacks, and drivers that are missing in it.
    fn names(&mut self, manifest: &Manifest, names: &[String]) {
        let own = [manifest::NAME, manifest::HASH_NAME];
        for name in names {
            if !manifest.files.contains_key(name) && !own.contains(&name.as_str()) {
                self.fault(name, "it is not in the manifest");
            }
        }
        let drivers = DRIVERS.map(image);
        let required = drivers
            .iter()
            .flat_map(|driver| ["sys", "inf"].map(|kind| format!("{driver}.{kind}")))
            .chain([CERTIFICATE.to_owned()]);
        for name in required {
            if !manifest.files.contains_key(&name) {
                self.fault(&name, "it is missing in the manifest");
            }
        }
    }

    /// Checks the certificate if it exists; that it is missing is reported elsewhere.
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
        let (hash, wanted) = (sha256(&bytes), &entry.sha256);
        if hash != *wanted {
            self.fault(
                name,
                format!("its SHA-256 is {hash}, the manifest says {wanted}"),
            );
        }
        match entry.kind {
            Content::Driver | Content::OverrideDriver => self.driver(name, entry, bytes),
            Content::Installation => {
                self.installation(name, &bytes);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn driver(&mut self, name: &str, entry: &Entry, bytes: Vec<u8>) -> Result<()> {
        let image = match DriverImage::parse(name, bytes) {
            Ok(image) => image,
            Err(error) => {
                self.fault(name, format!("it {}", error.fault));
                return Ok(());
            }
        };
        // An override may be a defective module of the zoo.
        if entry.kind == Content::Driver {
            for defect in image.check() {
                self.fault(name, defect.to_string());
            }
            self.version(name, &image, entry.version.as_deref());
        }
        if let Some(certificate) = &self.certificate {
            match signing::fault(&self.package.join(name), certificate)? {
                Some(what) => self.fault(name, what),
                None => self.signed += 1,
            }
        }
        Ok(())
    }

    /// Checks the version resource: the package's version, and the name of the file.
    fn version(&mut self, name: &str, image: &DriverImage, version: Option<&str>) {
        let Some(found) = image.version() else {
            self.fault(name, "it has no version resource");
            return;
        };
        for (key, wanted) in [("FileVersion", version), ("OriginalFilename", Some(name))] {
            let value = found.strings.get(key).map(String::as_str);
            if value != wanted {
                let [value, wanted] = [value, wanted].map(Option::unwrap_or_default);
                self.fault(name, format!("its {key} is {value:?}, not {wanted:?}"));
            }
        }
    }

    fn installation(&mut self, name: &str, text: &[u8]) {
        let driver = DRIVERS
            .into_iter()
            .map(image)
            .find(|driver| format!("{driver}.inf") == name);
        match driver {
            Some(driver) => {
                for what in inf::faults(&driver, text) {
                    self.fault(name, what);
                }
            }
            None => self.fault(name, "it installs no driver of the pair"),
        }
    }
}
