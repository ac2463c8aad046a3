// SPDX-License-Identifier: MIT OR Apache-2.0

//! The exports of an image.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use object::read::pe::PeFile64;
use object::{NameOrOrdinal, Object};

/// The names that the image at `path` exports.
///
/// # Errors
///
/// If it cannot be read, or is not an image.
pub fn exports(path: &Path) -> Result<Vec<String>> {
    let shown = path.display();
    let bytes = fs::read(path).with_context(|| format!("{shown} cannot be read"))?;
    let image = PeFile64::parse(&*bytes).with_context(|| format!("{shown} is not an image"))?;
    let mut names = Vec::new();
    for export in image.exports()? {
        let export = export.with_context(|| format!("{shown} has an invalid export table"))?;
        if let NameOrOrdinal::Name(name) = export.name() {
            names.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    Ok(names)
}
