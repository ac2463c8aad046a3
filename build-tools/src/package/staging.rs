// SPDX-License-Identifier: MIT OR Apache-2.0

//! A package in the making, beside the place where it will be.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::manifest;
use crate::artifact;

/// A directory that is gone unless it is published.
pub(super) struct Staging(TempDir);

impl Staging {
    pub(super) fn beside(place: &Path) -> Result<Self> {
        let parent = match place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
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

    /// Puts it in its place; answers the names of its files, in ascending order.
    pub(super) fn publish(self, place: &Path) -> Result<Vec<String>> {
        let files = names(self.path())?;
        if place.exists() {
            fs::remove_dir_all(place)?;
        }
        fs::rename(self.path(), place)?;
        // Nothing is left to remove.
        let _ = self.0.keep();
        Ok(files)
    }
}

/// The names of all that is in `directory`, in ascending order.
pub(super) fn names(directory: &Path) -> Result<Vec<String>> {
    let mut names = fs::read_dir(directory)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    names.sort_unstable();
    Ok(names)
}

/// Refuses a place that has something else than a package.
pub(super) fn check(place: &Path) -> Result<()> {
    let is_empty = |place: &Path| place.read_dir().is_ok_and(|mut it| it.next().is_none());
    ensure!(
        !place.exists() || place.join(manifest::NAME).is_file() || is_empty(place),
        "{} is not a package: name a directory that is one, or is not there yet",
        place.display()
    );
    Ok(())
}
