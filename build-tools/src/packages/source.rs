// SPDX-License-Identifier: MIT OR Apache-2.0

//! The source of a package: version, commit and date.

use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::workspace::{Workspace, output};

/// A state of the source tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Source {
    version: String,
    revision: String,
    /// Time of the commit, in seconds since 1970.
    committed: u64,
    /// The same day in UTC in the format of an INF, month first.
    date: String,
    /// `true` if the tree has no uncommitted changes.
    clean: bool,
}

impl Source {
    pub(super) fn of(workspace: &Workspace) -> Result<Self> {
        let git = |arguments: &[&str]| {
            let mut git = Command::new("git");
            git.arg("-C").arg(workspace.root()).args(arguments);
            output(git.env("TZ", "UTC"))
                .context("the revision is unknown: work in a clone made by git")
        };
        let format = "--format=%H %ct %cd";
        let date = "--date=format-local:%m/%d/%Y";
        let text = git(&["show", "--no-patch", format, date, "HEAD"])?;
        let mut words = text.split(' ');
        let (Some(revision), Some(committed), Some(date)) =
            (words.next(), words.next(), words.next())
        else {
            bail!("git reports only {text:?} of HEAD: update it");
        };
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: revision.to_owned(),
            committed: committed.parse()?,
            date: date.to_owned(),
            clean: git(&["status", "--porcelain"])?.is_empty(),
        })
    }

    #[cfg(test)]
    pub(super) fn new(
        version: &str,
        revision: &str,
        committed: u64,
        date: &str,
        clean: bool,
    ) -> Self {
        Self {
            version: version.to_owned(),
            revision: revision.to_owned(),
            committed,
            date: date.to_owned(),
            clean,
        }
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn revision(&self) -> &str {
        &self.revision
    }

    pub(super) const fn committed(&self) -> u64 {
        self.committed
    }

    pub(super) fn date(&self) -> &str {
        &self.date
    }

    pub(super) const fn is_clean(&self) -> bool {
        self.clean
    }
}
