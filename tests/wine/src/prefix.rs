// SPDX-License-Identifier: MIT OR Apache-2.0

//! A prefix: a Windows machine in a directory, made for one run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::installation::{Installation, installation};
use crate::left::{self, Ownership};
use crate::{programs, registry, twin};

/// The name that the original kernel has beside the one that goes before it.
pub const ORIGINAL_KERNEL: &str = "ntoskrnw";

/// Where the run's own files are, as Windows names it.
pub const DIRECTORY: &str = r"C:\nmr";

/// A prefix; it is removed when this is dropped, and its session ended.
#[derive(Debug)]
pub struct Prefix {
    installation: Installation,
    directory: Option<TempDir>,
    path: PathBuf,
    /// Where its sessions run.
    pub(crate) processor: usize,
    /// What its sessions say is repeated.
    pub(crate) echoes: bool,
    /// Given up last.
    owner: Ownership,
}

impl Prefix {
    /// Makes one in `directory`; takes some seconds. What dead processes have left
    /// there is removed first.
    ///
    /// # Errors
    ///
    /// If Wine is not there or cannot make it.
    pub fn create(directory: &Path) -> Result<Self> {
        let prefix = Self::empty(installation()?, directory)?;
        programs::boot(&prefix.installation, &prefix.path)?;
        prefix.finish()?;
        Ok(prefix)
    }

    /// Makes one in `directory` of what [`boot_template`](crate::boot_template) has made on the same file
    /// system: for machines on which [`create`](Self::create) would take minutes.
    ///
    /// # Errors
    ///
    /// If Wine is not there, or the files cannot be linked or copied.
    pub fn from_template(template: &Path, directory: &Path) -> Result<Self> {
        let prefix = Self::empty(installation()?, directory)?;
        prefix.fill(template)?;
        prefix.finish()?;
        Ok(prefix)
    }

    /// Makes of a prefix that has only been booted one for a run.
    fn finish(&self) -> Result<()> {
        registry::reduce(&self.path)?;
        // The next session would boot it anew if it has another Wine's time.
        fs::write(self.path.join(".update-timestamp"), "disable")?;
        fs::create_dir(self.file(""))?;
        copy(
            &self.installation.kernel(),
            &self.system().join(format!("{ORIGINAL_KERNEL}.dll")),
        )
    }

    /// Another one beside it, as it is now; there must be no session in it.
    ///
    /// # Errors
    ///
    /// If the files cannot be copied.
    pub fn twin(&self) -> Result<Self> {
        let directory = self.path.parent().context("a prefix is in a directory")?;
        let prefix = Self::empty(self.installation.clone(), directory)?;
        prefix.fill(&self.path)?;
        Ok(prefix)
    }

    fn fill(&self, from: &Path) -> Result<()> {
        twin::fill(from, &self.path).with_context(|| {
            let (from, to) = (from.display(), self.path.display());
            format!("{from} cannot be linked to {to}: name a booted prefix on its file system")
        })
    }

    fn empty(installation: Installation, directory: &Path) -> Result<Self> {
        /// Those of this process go from one processor to the next.
        static NEXT: AtomicUsize = AtomicUsize::new(0);

        fs::create_dir_all(directory)
            .with_context(|| format!("{} cannot be made: free the path", directory.display()))?;
        for orphan in left::orphans(directory) {
            programs::remove(&orphan);
        }
        let directory = tempfile::Builder::new()
            .prefix("prefix-")
            .tempdir_in(directory)
            .with_context(|| format!("nothing can be made in {}", directory.display()))?;
        let path = directory.path().to_owned();
        let prefix = Self {
            installation,
            directory: Some(directory),
            owner: left::own(&path, programs::remove)?,
            processor: NEXT.fetch_add(1, Ordering::Relaxed),
            echoes: false,
            path,
        };
        fs::create_dir(prefix.path.join(programs::TEMPORARY))?;
        Ok(prefix)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it on the disk.
    pub fn keep(&mut self) {
        if let Some(directory) = self.directory.take() {
            // It is `path` already.
            let _ = directory.keep();
            // At worst a later run takes it for one that was left behind.
            let _ = self.owner.give_up();
        }
    }

    /// Repeats on this process's standard error what sessions say, as they do.
    pub fn echo(&mut self) {
        self.echoes = true;
    }

    fn system(&self) -> PathBuf {
        self.path.join("drive_c/windows/system32")
    }

    /// Where a file of [`DIRECTORY`] is on the host.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join("drive_c/nmr").join(name)
    }

    /// Puts `from` into [`DIRECTORY`].
    ///
    /// # Errors
    ///
    /// If it cannot be copied.
    pub fn install(&self, from: &Path, name: &str) -> Result<()> {
        copy(from, &self.file(name))
    }

    /// Puts `from` in the place of one of Windows' own images, whose path below
    /// `system32` is `name`.
    ///
    /// # Errors
    ///
    /// If it cannot be copied.
    pub fn replace(&self, from: &Path, name: &str) -> Result<()> {
        let to = self.system().join(name);
        // The file that is there may be a link to Wine's own.
        if to.exists() {
            fs::remove_file(&to).with_context(|| format!("{} cannot be replaced", to.display()))?;
        }
        copy(from, &to)
    }

    /// Wine's loader in this prefix, with nothing on its command line.
    pub(crate) fn command(&self) -> Command {
        programs::loader(&self.installation, &self.path)
    }

    /// Ends every process of this prefix, and of no other.
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
        // A session that cannot be ended leaves files that cannot be removed,
        // and both are on the disk for whoever looks.
        let _ = self.end();
    }
}
