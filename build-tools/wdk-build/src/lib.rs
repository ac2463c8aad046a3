// SPDX-License-Identifier: MIT OR Apache-2.0

//! A drop-in replacement of Microsoft's `wdk-build` 0.6 for hosts other than Windows, where
//! that does not compile.
//!
//! # Design
//!
//! `build`, of `cargo xtask` as of `cargo nmr`, passes this crate to cargo in place of the
//! published one. Names and signatures are Microsoft's, so that `wdk-sys`, `wdk`, `wdk-alloc`, `wdk-panic` and the
//! drivers' build scripts work unchanged. mingw-w64's driver headers (with the additions of
//! `bindings`) and import libraries replace those of the WDK, and `lld-link` replaces
//! `link.exe`.
//!
//! # Limits
//!
//! WDM drivers for x86-64 only; KMDF and UMDF need headers that only a WDK has.
//! The driver model is searched in the workspace only, not in other dependencies.

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
/// A workspace without a driver, such as that of a library's own tests, is no error.
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
