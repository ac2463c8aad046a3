// SPDX-License-Identifier: MIT OR Apache-2.0

//! The output files that the options of a command name: each can be written, and none is
//! another one, or a file that the command reads.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::artifact;

/// The files that a command reads or writes, and what each is.
#[derive(Debug, Default)]
pub(crate) struct OutputFiles(Vec<(PathBuf, String)>);

impl OutputFiles {
    /// Keeps `path` from being written: it is `what`.
    pub(crate) fn reserve(&mut self, what: &str, path: &Path) {
        let place = artifact::place_of(path);
        self.0.extend(place.map(|place| (place, what.to_owned())));
    }

    /// Adds the file of an option, if it is given.
    pub(crate) fn add(&mut self, option: &str, path: Option<&Path>) -> Result<()> {
        let Some(path) = path else {
            return Ok(());
        };
        artifact::check_writable(option, path)?;
        let Some(place) = artifact::place_of(path) else {
            return Ok(());
        };
        if let Some((_, what)) = self.0.iter().find(|(other, _)| *other == place) {
            let shown = path.display();
            bail!("{option} {shown} is {what}: name another file");
        }
        self.0.push((place, format!("the file of {option}, too")));
        Ok(())
    }
}
