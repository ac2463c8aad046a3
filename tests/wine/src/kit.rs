// SPDX-License-Identifier: MIT OR Apache-2.0

//! What goes into a prefix beside the pair.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::prefix::{Prefix, copy};

/// The packages of the images that Wine runs beside the pair.
pub const IMAGES: [&str; 5] = ["netio", "loader", "ntoskrnl", "bcryptprimitives", "probe"];

/// The program that runs the cycles.
pub(crate) const PROGRAM: &str = "nmr-stress.exe";

/// Where a kit in one directory has its images: they are not for a Windows machine.
const SUBFOLDER: &str = "wine";

/// The files.
#[derive(Clone, Debug)]
pub struct Kit {
    images: PathBuf,
    program: PathBuf,
}

impl Kit {
    /// The [`IMAGES`] in the directory `images`, named as cargo names them, and
    /// the `program`.
    #[must_use]
    pub fn new(images: PathBuf, program: PathBuf) -> Self {
        Self { images, program }
    }

    /// What [`collect`](Self::collect) has put into `directory`.
    #[must_use]
    pub fn collected(directory: &Path) -> Self {
        Self::new(directory.join(SUBFOLDER), directory.join(PROGRAM))
    }

    /// Puts all of it into the directory `into`, to be taken to another machine.
    ///
    /// # Errors
    ///
    /// If it cannot be copied.
    pub fn collect(&self, into: &Path) -> Result<()> {
        let there = Self::collected(into);
        fs::create_dir_all(&there.images)
            .with_context(|| format!("{} cannot be made: free the path", there.images.display()))?;
        for name in IMAGES {
            copy(&self.image(name), &there.image(name))?;
        }
        copy(&self.program, &there.program)
    }

    /// Puts all of it into `prefix`.
    ///
    /// # Errors
    ///
    /// If it cannot be copied.
    pub fn install(&self, prefix: &Prefix) -> Result<()> {
        prefix.replace(&self.image("ntoskrnl"), "ntoskrnl.exe")?;
        prefix.replace(&self.image("netio"), "drivers/netio.sys")?;
        prefix.install(&self.image("bcryptprimitives"), "bcryptprimitives.dll")?;
        // Here it is not one of the drivers under test.
        prefix.replace(&self.image("loader"), "drivers/loader.sys")?;
        prefix.install(&self.image("probe"), "probe.sys")?;
        prefix.install(&self.program, PROGRAM)
    }

    fn image(&self, name: &str) -> PathBuf {
        self.images.join(name).with_extension("dll")
    }
}
