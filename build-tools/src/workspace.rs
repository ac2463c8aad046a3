// SPDX-License-Identifier: MIT OR Apache-2.0

//! The workspace in which the program runs: its directories, drivers and files, and the calls
//! of cargo for it. It is a clone of this project, another workspace, or none.

pub(crate) mod artifact;
pub(crate) mod checklist;
pub(crate) mod documents;
pub(crate) mod hash;
mod output_files;

use std::env;
use std::ffi::OsString;
use std::path::{Display, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};
use cargo_metadata::{Error, Metadata, MetadataCommand, Package};
use serde::Deserialize;

pub(crate) use child::{output, output_and_errors, succeeds};
pub(crate) use output_files::OutputFiles;

use child::program::XTASK;

use crate::terminal::PROGRAM;

/// The name of a manifest.
const MANIFEST: &str = "Cargo.toml";

/// The packages of the drivers: WDM and KMDF.
pub(crate) const DRIVERS: [&str; 4] = ["provider", "client", "provider-wdf", "client-wdf"];

/// The packages of the two drivers of the example in `tests/keyvalue`, and of that in `tests/wsk`.
pub(crate) const EXAMPLE: [&str; 3] = ["keyvalue-provider", "keyvalue-client", "wsk-client"];

/// The file name of a driver's image, without extension.
pub(crate) fn image(package: &str) -> String {
    package.replace('-', "_")
}

/// The cargo that runs this program, else the one on PATH.
pub(crate) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The files that packages name in `[package.metadata.nmr] descriptions`.
fn descriptions(packages: &[Package]) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for package in packages {
        let Some(named) = package.metadata.pointer("/nmr/descriptions") else {
            continue;
        };
        let files: Vec<PathBuf> = Vec::deserialize(named).with_context(|| {
            format!(
                "{}: descriptions in [package.metadata.nmr] is not a list of files: correct it",
                package.manifest_path
            )
        })?;
        let folder = package.manifest_path.parent().map_or_else(
            || Path::new("").to_owned(),
            |folder| folder.as_std_path().to_owned(),
        );
        all.extend(files.into_iter().map(|file| folder.join(file)));
    }
    Ok(all)
}

/// What is in the directory in which the program is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A clone of this project.
    Checkout,
    /// Another workspace of cargo.
    Elsewhere,
    /// No workspace.
    Nowhere,
}

/// A workspace and its target directory.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    place: Place,
    descriptions: Vec<PathBuf>,
}

impl Workspace {
    /// The workspace that this program runs in: that of the package that cargo runs, else
    /// that of the current directory. It is looked for at run time, so that a copied or
    /// moved checkout never builds another one.
    pub(crate) fn find() -> Result<Self> {
        let package = env::var_os("CARGO_MANIFEST_DIR").filter(|_| PROGRAM.words() == XTASK);
        let here = match package {
            Some(package) => PathBuf::from(package),
            None => env::current_dir().context("the current directory cannot be read")?,
        };
        let mut manifests = here.ancestors().map(|directory| directory.join(MANIFEST));
        match manifests.find(|manifest| manifest.is_file()) {
            Some(manifest) => Self::of(&manifest),
            None => Ok(Self {
                target: here.join("target"),
                root: here,
                place: Place::Nowhere,
                descriptions: Vec::new(),
            }),
        }
    }

    /// The workspace of a manifest.
    pub(crate) fn of(manifest: &Path) -> Result<Self> {
        let metadata = metadata(manifest)?;
        let has = |name: &str| metadata.packages.iter().any(|package| package.name == name);
        Ok(Self {
            descriptions: descriptions(&metadata.packages)?,
            root: metadata.workspace_root.into_std_path_buf(),
            target: metadata.target_directory.into_std_path_buf(),
            place: if DRIVERS.into_iter().all(has) {
                Place::Checkout
            } else {
                Place::Elsewhere
            },
        })
    }

    /// The report of the latest stress as a page; without a workspace, nothing is written
    /// unless it is asked for.
    pub(crate) fn latest_page(&self) -> Option<PathBuf> {
        self.manifest()
            .map(|_| self.target.join("report/index.html"))
    }

    /// What cargo knows about the workspace's packages.
    pub(crate) fn metadata(&self) -> Result<Metadata> {
        metadata(&self.root.join(MANIFEST))
    }

    /// The workspace that this program runs in, which must be a clone of this project.
    pub(crate) fn checkout() -> Result<Self> {
        const ADVICE: &str = "run this command in a clone of this project";
        let workspace = Self::find()?;
        match workspace.place {
            Place::Checkout => Ok(workspace),
            Place::Elsewhere => bail!(
                "{} is another workspace: {ADVICE}",
                workspace.root.display()
            ),
            Place::Nowhere => bail!("there is no workspace here: {ADVICE}"),
        }
    }

    /// A copy of a clone of this project in another directory.
    pub(crate) const fn at(root: PathBuf, target: PathBuf) -> Self {
        Self {
            root,
            target,
            place: Place::Checkout,
            descriptions: Vec::new(),
        }
    }

    /// Returns `true` for a clone of this project.
    pub(crate) fn is_checkout(&self) -> bool {
        self.place == Place::Checkout
    }

    /// The workspace's manifest, if there is a workspace.
    pub(crate) fn manifest(&self) -> Option<PathBuf> {
        (self.place != Place::Nowhere).then(|| self.root.join(MANIFEST))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target directory.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// The descriptions of NPIs that its packages name.
    pub(crate) fn descriptions(&self) -> &[PathBuf] {
        &self.descriptions
    }

    /// The directory of the checked driver images and their .pdb files.
    pub(crate) fn drivers(&self) -> PathBuf {
        self.target.join("drivers")
    }

    /// The directory of the example's checked images and their .pdb files.
    pub(crate) fn example(&self) -> PathBuf {
        self.target.join("keyvalue")
    }

    /// The directory of the images in C that do the same as the pair.
    pub(crate) fn interop(&self) -> PathBuf {
        self.target.join("interop")
    }

    /// The checked image of a driver: `name` without extension.
    pub(crate) fn driver(&self, name: &str) -> PathBuf {
        self.drivers().join(name).with_extension("sys")
    }

    /// A path as the user would type it: relative to the current directory, if it is in it.
    pub(crate) fn relative(path: PathBuf) -> PathBuf {
        let here = env::current_dir().unwrap_or_default();
        path.strip_prefix(here)
            .map(Path::to_path_buf)
            .unwrap_or(path)
    }

    /// A path as it is shown: relative to the workspace, if it is in it.
    pub(crate) fn shown<'a>(&self, path: &'a Path) -> Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }

    /// A cargo command in this workspace.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(cargo());
        command.current_dir(&self.root);
        command
    }
}

/// What cargo knows about the packages of a manifest's workspace.
fn metadata(manifest: &Path) -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    command.manifest_path(manifest).no_deps();
    command.exec().map_err(|error| match error {
        Error::CargoMetadata { stderr } => {
            anyhow!("{}", stderr.trim().trim_start_matches("error: "))
        }
        error => error.into(),
    })
}
