// SPDX-License-Identifier: MIT OR Apache-2.0

//! A package: one directory with everything that a machine under test needs, test-signed.
//!
//! Contents: the signed drivers with their .pdb and INF, `nmr-stress.exe`, the
//! certificate to trust, a guide, and a manifest with the hash of every file.

mod assembly;
mod guide;
mod inf;
mod manifest;
mod signing;
mod source;
mod staging;
mod verify;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use driver_image::DriverImage;

use crate::workspace::Workspace;
pub(crate) use assembly::assemble;
pub(crate) use verify::verdict;

/// The certificate that a machine under test must trust.
pub(crate) const CERTIFICATE: &str = "NmrPairTest.cer";
/// The guide for the machine under test.
pub(crate) const GUIDE: &str = "README.txt";

/// Options of a package; by default it is that of the pair in `target/packages/pair`.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Options {
    /// Use this image as the provider, instead of building one.
    #[arg(long, value_name = "FILE")]
    pub(crate) provider: Option<PathBuf>,
    /// Use this image as the client, instead of building one.
    #[arg(long, value_name = "FILE")]
    pub(crate) client: Option<PathBuf>,
    /// Directory of the package [default: target/packages/pair].
    #[arg(long, value_name = "DIR")]
    pub(crate) into: Option<PathBuf>,
}

impl Options {
    /// Refuses options that cannot be carried out, before anything is built.
    pub(crate) fn check(&self, workspace: &Workspace) -> Result<()> {
        for file in [&self.provider, &self.client].into_iter().flatten() {
            DriverImage::read(file)?;
        }
        staging::check(&self.directory(workspace))
    }

    fn directory(&self, workspace: &Workspace) -> PathBuf {
        let default = || default_directory(workspace);
        self.into.clone().unwrap_or_else(default)
    }

    /// The image that overrides the driver of the cargo package `package`.
    fn override_of(&self, package: &str) -> Option<&Path> {
        match package {
            "provider" => self.provider.as_deref(),
            "client" => self.client.as_deref(),
            _ => None,
        }
    }
}

/// A finished package.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    directory: PathBuf,
    files: Vec<String>,
}

impl Package {
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The names of its files, sorted.
    pub(crate) fn files(&self) -> &[String] {
        &self.files
    }

    /// Returns `true` if it has signed catalogues, which only Windows can make.
    pub(crate) fn has_catalogues(&self) -> bool {
        self.files.iter().any(|name| is_catalogue(name))
    }
}

fn is_catalogue(name: &str) -> bool {
    Path::new(name).extension() == Some(OsStr::new("cat"))
}

/// The directory of a package for which none is asked.
pub(crate) fn default_directory(workspace: &Workspace) -> PathBuf {
    workspace.target().join("packages").join("pair")
}
