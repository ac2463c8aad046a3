// SPDX-License-Identifier: MIT OR Apache-2.0

//! The files that a prefix needs beside the pair: replacements of Wine's images, and the
//! stress program.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::prefix::{Prefix, copy};

/// The packages of the images.
pub const IMAGES: [&str; 5] = ["netio", "loader", "ntoskrnl", "bcryptprimitives", "probe"];

/// The stress program.
pub(crate) const PROGRAM: &str = "nmr-stress.exe";

/// The subdirectory of the images in a collected payload: a Windows machine ignores it.
const SUBFOLDER: &str = "wine";

/// The files, where they were built or collected.
#[derive(Clone, Debug)]
pub struct Payload {
    images: PathBuf,
    program: PathBuf,
}

impl Payload {
    /// A payload of the [`IMAGES`] in the directory `images`, with cargo's file names, and
    /// of the `program`.
    #[must_use]
    pub fn new(images: PathBuf, program: PathBuf) -> Self {
        Self { images, program }
    }

    /// The payload that [`collect`](Self::collect) has put into `directory`.
    #[must_use]
    pub fn collected(directory: &Path) -> Self {
        Self::new(directory.join(SUBFOLDER), directory.join(PROGRAM))
    }

    /// Copies all files into the directory `into`, for another machine.
    ///
    /// # Errors
    ///
    /// If it cannot be copied.
    pub fn collect(&self, into: &Path) -> Result<()> {
        let copy_of = Self::collected(into);
        fs::create_dir_all(&copy_of.images).with_context(|| {
            format!("{} cannot be made: free the path", copy_of.images.display())
        })?;
        for name in IMAGES {
            copy(&self.image(name), &copy_of.image(name))?;
        }
        copy(&self.program, &copy_of.program)
    }

    /// Copies all files into `prefix`.
    ///
    /// # Errors
    ///
    /// If it cannot be copied.
    pub fn install(&self, prefix: &Prefix) -> Result<()> {
        prefix.replace(&self.image("ntoskrnl"), "ntoskrnl.exe")?;
        prefix.replace(&self.image("netio"), "drivers/netio.sys")?;
        prefix.install(&self.image("bcryptprimitives"), "bcryptprimitives.dll")?;
        // Beside Wine's own drivers: it is not a driver under test.
        prefix.replace(&self.image("loader"), "drivers/loader.sys")?;
        prefix.install(&self.image("probe"), "probe.sys")?;
        prefix.install(&self.program, PROGRAM)
    }

    fn image(&self, name: &str) -> PathBuf {
        self.images.join(name).with_extension("dll")
    }
}
