// SPDX-License-Identifier: MIT OR Apache-2.0

//! The errors of configuring a driver: one line each, with the remedy.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use driver_prerequisites::Missing;

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct IoError {
    path: PathBuf,
    source: io::Error,
}

impl IoError {
    /// The error.
    pub fn with_path(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self {
            path: path.into(),
            source,
        }
    }
}

/// An error of configuring a driver.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A part of the toolchain is missing.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// Cargo sets this variable for build scripts, and only for them.
    #[error("{0} is not set: call this from a build script only")]
    Environment(&'static str),
    /// The driver's workspace was not found.
    #[error("no Cargo.lock beside a Cargo.toml above {}: name the workspace in {}", out_dir.display(), crate::metadata::ROOT)]
    NoWorkspace {
        /// Where the search began.
        out_dir: PathBuf,
    },
    /// `cargo metadata` failed.
    #[error("cargo metadata: {0}")]
    CargoMetadata(#[from] cargo_metadata::Error),
    /// No package declares its driver model.
    #[error("no package of {} has [package.metadata.wdk.driver-model]: add it to the driver's manifest", manifest.display())]
    NoDriverModel {
        /// The workspace's manifest.
        manifest: PathBuf,
    },
    /// The packages declare different driver models.
    #[error("the driver models {0} in one workspace: all its drivers must have the same")]
    SeveralDriverModels(String),
    /// The driver model is unknown.
    #[error("driver-type {0} in {1}: write \"WDM\"")]
    UnknownDriverModel(String, String),
    /// The driver model needs a WDK.
    #[error("driver-type {0} is not supported off Windows: use \"WDM\", or build on Windows")]
    NeedsWdk(&'static str),
    /// The API subset needs a WDK.
    #[error("the headers of {0:?} are not available off Windows: disable that wdk-sys feature")]
    NoHeaders(crate::ApiSubset),
    /// The wrong target.
    #[error("drivers cannot be built for {0}: use --target x86_64-pc-windows-msvc")]
    Target(String),
    /// The C runtime is dynamic, which kernel mode does not have.
    #[error("the C runtime is not static: build with RUSTFLAGS=-Ctarget-feature=+crt-static")]
    StaticCrtNotEnabled,
    /// bindgen refused a setting.
    #[error("bindgen: {0}: use the version that wdk-sys asks for")]
    Bindgen(String),
    /// A program failed.
    #[error("{} exited with {status}: {stderr}", program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// Its exit status.
        status: ExitStatus,
        /// Its error output.
        stderr: String,
    },
}
