// SPDX-License-Identifier: MIT OR Apache-2.0

//! The local directory of a session's files: kept unless the run was clean.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The directory of one session.
#[derive(Debug)]
pub(super) struct RunDirectory(PathBuf);

impl RunDirectory {
    pub(super) fn make(below: &Path, name: &str) -> Result<Self> {
        let make = || {
            fs::create_dir_all(below)?;
            let made = tempfile::Builder::new()
                .prefix(&format!("{name}-"))
                .tempdir_in(below)?;
            fs::canonicalize(made.keep())
        };
        let path = make().with_context(|| format!("{} cannot be written to", below.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Its name, which is unique.
    pub(super) fn name(&self) -> String {
        let name = self.0.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    pub(super) fn remove(&self) -> Result<()> {
        fs::remove_dir_all(&self.0)
            .with_context(|| format!("{} cannot be removed", self.0.display()))
    }
}
