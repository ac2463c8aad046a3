// SPDX-License-Identifier: MIT OR Apache-2.0

//! Builds the drivers in C that speak an NPI of the drivers in Rust: those of Echo in
//! `tests/interop`, those of the example in `tests/keyvalue/c`, and in `tests/measure/peers`
//! those beside which an unload is measured. Their headers are made from the descriptions.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::c_driver;
use crate::workspace::{Workspace, artifact};

/// The description of Echo, and the header that the sources include.
pub(crate) const DESCRIPTION: &str = "shared-npi/src/echo/npi.toml";
pub(crate) const HEADER: &str = "echo_npi.h";
/// The description and the header of the second NPI of the pair, which modules of the zoo have.
pub(crate) const TELEMETRY: [&str; 2] = ["shared-npi/src/telemetry/npi.toml", "telemetry_npi.h"];

/// The libraries that all import from.
const LIBRARIES: [&str; 2] = ["ntoskrnl", "netio"];

/// A provider and a client in C, made from the description of their NPI.
struct Pair {
    description: &'static str,
    /// The header that the sources include.
    header: &'static str,
    /// The image and the source of each.
    images: [(&'static str, &'static str); 2],
}

const ECHO: Pair = Pair {
    description: DESCRIPTION,
    header: HEADER,
    images: [
        ("echo_provider", "tests/interop/echo_provider.c"),
        ("echo_client", "tests/interop/echo_client.c"),
    ],
};

const EXAMPLE: Pair = Pair {
    description: "tests/keyvalue/npi/npi.toml",
    header: "keyvalue_npi.h",
    images: [
        ("keyvalue_c_provider", "tests/keyvalue/c/provider.c"),
        ("keyvalue_c_client", "tests/keyvalue/c/client.c"),
    ],
};

/// The peers of the drivers whose unload is measured.
const MEASURE: Pair = Pair {
    description: DESCRIPTION,
    header: HEADER,
    images: [
        ("many_providers", "tests/measure/peers/many_providers.c"),
        ("many_clients", "tests/measure/peers/many_clients.c"),
    ],
};

/// Builds those of Echo into the workspace's directory for them.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    ECHO.build(workspace, &workspace.interop())
}

/// Builds those beside which an unload is measured. Returns their directory.
pub(crate) fn build_measure(workspace: &Workspace) -> Result<PathBuf> {
    let built = workspace.interop().join("measure");
    MEASURE.build(workspace, &built)?;
    Ok(built)
}

/// Builds those of the example beside its drivers in Rust.
pub(crate) fn build_example(workspace: &Workspace) -> Result<()> {
    EXAMPLE.build(workspace, &workspace.example())
}

impl Pair {
    /// Builds both images into `built`.
    fn build(&self, workspace: &Workspace, built: &Path) -> Result<()> {
        fs::create_dir_all(built)
            .with_context(|| format!("{} cannot be made: free the path", built.display()))?;
        let description = workspace.root().join(self.description);
        c_driver::write_header(&description, &built.join(self.header))?;
        // Others may use the images meanwhile: each is replaced at once.
        let work = tempfile::tempdir_in(built)?;
        let libraries = LIBRARIES.map(|name| work.path().join(name).with_extension("lib"));
        for (name, library) in LIBRARIES.iter().zip(&libraries) {
            let definition = workspace.root().join(c_driver::definition(name));
            c_driver::import_library(&definition, library)?;
        }
        for (name, source) in self.images {
            let object = work.path().join(name).with_extension("obj");
            let options = [
                "-Wextra".to_owned(),
                format!("-I{}", c_driver::HEADERS),
                format!("-I{}", workspace.shown(built)),
            ];
            c_driver::compile(workspace.root(), source, &options, &object)?;
            let image = object.with_extension("sys");
            c_driver::link(&[object], &libraries, &image)?;
            for extension in ["pdb", "sys"] {
                deliver(&image.with_extension(extension), built)?;
            }
        }
        Ok(())
    }
}

/// Copies a file into a directory, unless it is there.
fn deliver(file: &Path, directory: &Path) -> Result<()> {
    let to = directory.join(file.file_name().context("it has a name")?);
    if artifact::same(file, &to) {
        return Ok(());
    }
    artifact::copy(file, &to)
}
