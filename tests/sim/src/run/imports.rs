// SPDX-License-Identifier: MIT OR Apache-2.0

//! Finds what images import: the exports of every image that the kernel stands for.

use std::path::Path;

use crate::loader::image::{Image, LoadError};
use crate::{exports, wdf};

impl Image {
    /// Reads the driver at `path`.
    ///
    /// # Errors
    ///
    /// The file is no image that a kernel could map.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        Self::read_with(path, |dll, name| {
            exports::find(dll, name).or_else(|| wdf::find(dll, name))
        })
    }
}
