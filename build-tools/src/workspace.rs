// SPDX-License-Identifier: MIT OR Apache-2.0

//! The workspace: its directories, its drivers, its files, and the cargo that works on it.

pub(crate) mod artifact;
pub(crate) mod checklist;
pub(crate) mod documents;

use std::env;
use std::ffi::OsString;
use std::path::{Display, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};
use cargo_metadata::{MetadataCommand, Package};
use serde::Deserialize;

pub(crate) use child::{output, output_and_errors, succeeds};

/// The packages of the drivers: WDM and KMDF.
pub(crate) const DRIVERS: [&str; 4] = ["provider", "client", "provider-wdf", "client-wdf"];

/// The packages of the two drivers of the example in `tests/keyvalue`.
pub(crate) const EXAMPLE: [&str; 2] = ["keyvalue-provider", "keyvalue-client"];

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

/// This workspace and its target directory.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    descriptions: Vec<PathBuf>,
}

impl Workspace {
    /// The workspace that this program runs in: that of the package that cargo runs, else
    /// that of the current directory. It is looked for at run time, so that a copied or
    /// moved checkout never builds another one.
    pub(crate) fn find() -> Result<Self> {
        const ADVICE: &str = "run cargo xtask in a clone of this project";
        let mut command = MetadataCommand::new();
        if let Some(package) = env::var_os("CARGO_MANIFEST_DIR") {
            command.manifest_path(Path::new(&package).join("Cargo.toml"));
        }
        let metadata = command
            .no_deps()
            .exec()
            .map_err(|_| anyhow!("there is no workspace here: {ADVICE}"))?;
        let has = |name: &str| metadata.packages.iter().any(|package| package.name == name);
        ensure!(
            DRIVERS.into_iter().all(has),
            "{} is another workspace: {ADVICE}",
            metadata.workspace_root
        );
        Ok(Self {
            descriptions: descriptions(&metadata.packages)?,
            root: metadata.workspace_root.into_std_path_buf(),
            target: metadata.target_directory.into_std_path_buf(),
        })
    }

    /// A copy of the workspace in another directory.
    pub(crate) const fn at(root: PathBuf, target: PathBuf) -> Self {
        Self {
            root,
            target,
            descriptions: Vec::new(),
        }
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

    /// The checked image of a driver: `name` without extension.
    pub(crate) fn driver(&self, name: &str) -> PathBuf {
        self.drivers().join(name).with_extension("sys")
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
