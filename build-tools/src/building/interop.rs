// SPDX-License-Identifier: MIT OR Apache-2.0

//! Builds the provider and the client of Echo in C, `tests/interop`, on the header that is
//! made from Echo's description.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::c_driver;
use crate::workspace::{Workspace, artifact};

/// The description of Echo, and the header that the sources include.
pub(crate) const DESCRIPTION: &str = "shared-npi/src/echo/npi.toml";
pub(crate) const HEADER: &str = "echo_npi.h";

/// The libraries that both import from.
const LIBRARIES: [&str; 2] = ["ntoskrnl", "netio"];

/// Builds both into the workspace's directory for them.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let built = workspace.interop();
    fs::create_dir_all(&built)
        .with_context(|| format!("{} cannot be made: free the path", built.display()))?;
    c_driver::write_header(&workspace.root().join(DESCRIPTION), &built.join(HEADER))?;
    // Others may use the images meanwhile: each is replaced at once.
    let work = tempfile::tempdir_in(&built)?;
    let libraries = LIBRARIES.map(|name| work.path().join(name).with_extension("lib"));
    for (name, library) in LIBRARIES.iter().zip(&libraries) {
        let definition = workspace.root().join(c_driver::definition(name));
        c_driver::import_library(&definition, library)?;
    }
    for role in ["provider", "client"] {
        let name = format!("echo_{role}");
        let object = work.path().join(&name).with_extension("obj");
        let options = [
            "-Wextra".to_owned(),
            format!("-I{}", c_driver::HEADERS),
            format!("-I{}", workspace.shown(&built)),
        ];
        let source = format!("tests/interop/{name}.c");
        c_driver::compile(workspace.root(), &source, &options, &object)?;
        let image = object.with_extension("sys");
        c_driver::link(&[object], &libraries, &image)?;
        for extension in ["pdb", "sys"] {
            deliver(&image.with_extension(extension), &built)?;
        }
    }
    Ok(())
}

/// Copies a file into a directory, unless it is there.
fn deliver(file: &Path, directory: &Path) -> Result<()> {
    let to = directory.join(file.file_name().context("it has a name")?);
    if artifact::same(file, &to) {
        return Ok(());
    }
    artifact::copy(file, &to)
}
