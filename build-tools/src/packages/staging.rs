// SPDX-License-Identifier: MIT OR Apache-2.0

//! The directory in which a package is assembled, beside its final place.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::manifest;
use crate::workspace::artifact;

/// A directory that is removed on drop unless it was published.
pub(super) struct Staging(TempDir);

impl Staging {
    pub(super) fn beside(place: &Path) -> Result<Self> {
        let parent = artifact::directory_of(place);
        let made = fs::create_dir_all(parent).and_then(|()| TempDir::new_in(parent));
        made.map(Self)
            .with_context(|| format!("nothing can be written beside {}", place.display()))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn copy(&self, from: &Path, name: &str) -> Result<()> {
        artifact::copy(from, &self.path().join(name))
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        artifact::write(&self.path().join(name), bytes)
    }

    /// Moves the package to its place, and returns the names of its files, sorted.
    pub(super) fn publish(self, place: &Path) -> Result<Vec<String>> {
        let files = artifact::names(self.path())?;
        if place.exists() {
            fs::remove_dir_all(place)?;
        }
        fs::rename(self.path(), place)?;
        // It was renamed: nothing to remove.
        let _ = self.0.keep();
        Ok(files)
    }
}

/// Refuses a directory that contains something else than a package.
pub(super) fn check(place: &Path) -> Result<()> {
    let is_empty = |place: &Path| place.read_dir().is_ok_and(|mut it| it.next().is_none());
    ensure!(
        !place.exists() || place.join(manifest::NAME).is_file() || is_empty(place),
        "{} is not a package: name a package, or a directory that does not exist yet",
        place.display()
    );
    Ok(())
}
