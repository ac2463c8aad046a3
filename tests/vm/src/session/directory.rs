// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where a machine's files are at home: they stay unless all went well.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A directory of one session's.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn make(below: &Path, name: &str) -> Result<Self> {
        let make = || {
            fs::create_dir_all(below)?;
            let made = tempfile::Builder::new()
                .prefix(&format!("{name}-"))
                .tempdir_in(below)?;
            fs::canonicalize(made.keep())
        };
        let path = make().with_context(|| format!("nothing can be made in {}", below.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// What no other session's is called.
    pub(super) fn name(&self) -> String {
        let name = self.0.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    pub(super) fn remove(&self) -> Result<()> {
        fs::remove_dir_all(&self.0)
            .with_context(|| format!("{} cannot be removed", self.0.display()))
    }
}
