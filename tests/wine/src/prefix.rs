// SPDX-License-Identifier: MIT OR Apache-2.0

//! A prefix: a Windows machine in a directory, made for one run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::installation::{Installation, installation};
use crate::ownership::{self, Ownership};
use crate::{prefix_copy, programs, registry};

/// The name of Wine's kernel beside the shim that takes its place.
pub const ORIGINAL_KERNEL: &str = "ntoskrnw";

/// The Windows path of the directory of the run's files.
pub const DIRECTORY: &str = r"C:\nmr";

/// A prefix; when it is dropped, its session is ended and its directory removed.
#[derive(Debug)]
pub struct Prefix {
    installation: Installation,
    directory: Option<TempDir>,
    path: PathBuf,
    /// The processor of its sessions.
    pub(crate) processor: usize,
    /// `true` if the log of its sessions is repeated on standard error.
    pub(crate) echoes: bool,
    /// Last: dropped after the directory.
    owner: Ownership,
}

impl Prefix {
    /// Makes a prefix in `directory`, which takes some seconds. Orphans in it are removed
    /// first.
    ///
    /// # Errors
    ///
    /// If Wine is missing or fails.
    pub fn create(directory: &Path) -> Result<Self> {
        let prefix = Self::empty(installation()?, directory)?;
        programs::boot(&prefix.installation, &prefix.path)?;
        prefix.finish()?;
        Ok(prefix)
    }

    /// Makes a prefix in `directory` from a template that
    /// [`boot_template`](crate::boot_template) has made on the same file system: for machines
    /// on which [`create`](Self::create) takes minutes.
    ///
    /// # Errors
    ///
    /// If Wine is missing, or the files cannot be linked or copied.
    pub fn from_template(template: &Path, directory: &Path) -> Result<Self> {
        let prefix = Self::empty(installation()?, directory)?;
        prefix.fill(template)?;
        prefix.finish()?;
        Ok(prefix)
    }

    /// Prepares a booted prefix for a run.
    fn finish(&self) -> Result<()> {
        registry::reduce(&self.path)?;
        // Otherwise a session boots the prefix again if its time stamp is not Wine's.
        fs::write(self.path.join(".update-timestamp"), "disable")?;
        fs::create_dir(self.file(""))?;
        copy(
            &self.installation.kernel(),
            &self.system().join(format!("{ORIGINAL_KERNEL}.dll")),
        )
    }

    /// Copies the prefix, in which no session may be running.
    ///
    /// # Errors
    ///
    /// If the files cannot be copied.
    pub fn duplicate(&self) -> Result<Self> {
        let directory = self.path.parent().context("a prefix is in a directory")?;
        let prefix = Self::empty(self.installation.clone(), directory)?;
        prefix.fill(&self.path)?;
        Ok(prefix)
    }

    fn fill(&self, from: &Path) -> Result<()> {
        prefix_copy::fill(from, &self.path).with_context(|| {
            let (from, to) = (from.display(), self.path.display());
            format!("{from} cannot be linked to {to}: name a booted prefix on its file system")
        })
    }

    fn empty(installation: Installation, directory: &Path) -> Result<Self> {
        /// The prefixes of this process use the processors in turn.
        static NEXT: AtomicUsize = AtomicUsize::new(0);

        fs::create_dir_all(directory)
            .with_context(|| format!("{} cannot be made: free the path", directory.display()))?;
        for orphan in ownership::orphans(directory) {
            programs::remove(&orphan);
        }
        let directory = tempfile::Builder::new()
            .prefix("prefix-")
            .tempdir_in(directory)
            .with_context(|| format!("{} cannot be written to", directory.display()))?;
        let path = directory.path().to_owned();
        let prefix = Self {
            installation,
            directory: Some(directory),
            owner: ownership::own(&path, programs::remove)?,
            processor: NEXT.fetch_add(1, Ordering::Relaxed),
            echoes: false,
            path,
        };
        fs::create_dir(prefix.path.join(programs::TEMPORARY))?;
        Ok(prefix)
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps the prefix on the disk.
    pub fn keep(&mut self) {
        if let Some(directory) = self.directory.take() {
            // The path is known.
            let _ = directory.keep();
            // After an error, a later run removes it as an orphan.
            let _ = self.owner.give_up();
        }
    }

    /// Repeats the log of sessions on this process's standard error, line by line.
    pub fn echo(&mut self) {
        self.echoes = true;
    }

    fn system(&self) -> PathBuf {
        self.path.join("drive_c/windows/system32")
    }

    /// The host's path of a file in [`DIRECTORY`].
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join("drive_c/nmr").join(name)
    }

    /// Copies `from` into [`DIRECTORY`].
    ///
    /// # Errors
    ///
    /// If it cannot be copied.
    pub fn install(&self, from: &Path, name: &str) -> Result<()> {
        copy(from, &self.file(name))
    }

    /// Replaces one of Windows' own images by `from`; `name` is its path below `system32`.
    ///
    /// # Errors
    ///
    /// If it cannot be copied.
    pub fn replace(&self, from: &Path, name: &str) -> Result<()> {
        let to = self.system().join(name);
        // The file may be a link to Wine's own.
        if to.exists() {
            fs::remove_file(&to).with_context(|| format!("{} cannot be replaced", to.display()))?;
        }
        copy(from, &to)
    }

    /// A command that starts Wine's loader in this prefix.
    pub(crate) fn command(&self) -> Command {
        programs::loader(&self.installation, &self.path)
    }

    /// Ends all processes of this prefix.
    pub(crate) fn end(&self) -> Result<()> {
        programs::end(&self.installation, &self.path)
    }
}

pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)
        .map(|_| ())
        .with_context(|| format!("{} cannot be copied to {}", from.display(), to.display()))
}

impl Drop for Prefix {
    fn drop(&mut self) {
        // After an error, the directory remains on the disk.
        let _ = self.end();
    }
}
