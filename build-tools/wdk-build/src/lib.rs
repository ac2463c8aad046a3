// SPDX-License-Identifier: MIT OR Apache-2.0

//! Stands in for Microsoft's `wdk-build` 0.6 where that does not compile: on
//! hosts that are not Windows.
//!
//! # Design
//!
//! `cargo xtask build` hands this crate to cargo in place of the published one;
//! `wdk-sys`, `wdk`, `wdk-alloc`, `wdk-panic` and the drivers' build scripts do
//! not notice. Names and signatures are therefore Microsoft's. Behind them,
//! mingw-w64's driver headers take the place of a WDK's (`bindings` fills in
//! what they lack), its import libraries that of a WDK's, and `lld-link` that of
//! `link.exe`.
//!
//! # Limits
//!
//! WDM drivers for x86-64 only; KMDF and UMDF need headers that only a WDK has.
//! The driver model is looked for in the workspace, not in other dependencies.
//! Everything a build script prints is computed by a function that a test can
//! call.

mod bindings;
mod config;
mod directives;
mod error;
mod import_library;
mod metadata;

pub use bindings::BuilderExt;
pub use config::{ApiSubset, Config, DriverConfig, KmdfConfig, UmdfConfig};
pub use error::{ConfigError, IoError};

/// Configures a library on top of `wdk-sys`.
///
/// A workspace that has no driver in it, such as that of a library's own tests,
/// is no error.
///
/// # Errors
///
/// [`ConfigError`], if the workspace cannot be read, asks for more than one
/// driver model or for one that needs a WDK.
pub fn configure_wdk_library_build() -> Result<(), ConfigError> {
    configure_wdk_library_build_and_then(|_| Ok(()))
}

/// [`configure_wdk_library_build`], followed by `and_then` with the
/// configuration if there is one.
///
/// # Errors
///
/// As [`configure_wdk_library_build`], or what `and_then` returns.
pub fn configure_wdk_library_build_and_then<F, E>(mut and_then: F) -> Result<(), E>
where
    F: FnMut(Config) -> Result<(), E>,
    E: From<ConfigError>,
{
    match Config::from_env_auto() {
        Ok(config) => {
            config.configure_library_build()?;
            and_then(config)
        }
        Err(ConfigError::NoDriverModel { .. }) => {
            directives::print(&directives::without_driver());
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Configures a driver: its cfg, its import libraries and how it is linked.
///
/// # Errors
///
/// [`ConfigError`], if the workspace has no or more than one driver model, the
/// target is not `x86_64-pc-windows-msvc` with a static C runtime, or something
/// that is needed to link is missing.
pub fn configure_wdk_binary_build() -> Result<(), ConfigError> {
    Config::from_env_auto()?.configure_binary_build()
}
