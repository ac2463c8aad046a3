// SPDX-License-Identifier: MIT OR Apache-2.0

//! The configuration of a build: driver model, version, subsets.

use std::env;
use std::fmt::Debug;
use std::path::PathBuf;

use driver_prerequisites::Missing;

use crate::error::ConfigError;
use crate::{bindings, directives, import_library, metadata};

/// A driver model, in the form that `wdk-sys` expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DriverConfig {
    /// Windows Driver Model: the only one on hosts other than Windows.
    Wdm,
    /// Kernel-Mode Driver Framework.
    Kmdf(KmdfConfig),
    /// User-Mode Driver Framework.
    Umdf(UmdfConfig),
}

/// The framework version of a KMDF driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KmdfConfig {
    /// Its major number.
    pub kmdf_version_major: u8,
    /// The minor number that the driver is built for.
    pub target_kmdf_version_minor: u8,
    /// The smallest minor number that the driver can run with.
    pub minimum_kmdf_version_minor: Option<u8>,
}

/// The framework version of a UMDF driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UmdfConfig {
    /// Its major number.
    pub umdf_version_major: u8,
    /// The minor number that the driver is built for.
    pub target_umdf_version_minor: u8,
    /// The smallest minor number that the driver can run with.
    pub minimum_umdf_version_minor: Option<u8>,
}

/// A subset of the driver interfaces, bound on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiSubset {
    /// The interfaces of every driver.
    Base,
    /// The driver frameworks.
    Wdf,
    /// General-purpose I/O.
    Gpio,
    /// Human interface devices.
    Hid,
    /// Parallel ports.
    ParallelPorts,
    /// Simple peripheral buses.
    Spb,
    /// Storage.
    Storage,
    /// Universal serial bus.
    Usb,
}

/// The configuration of a build.
#[derive(Clone, Debug)]
pub struct Config {
    /// The driver model.
    pub driver_config: DriverConfig,
    manifests: Vec<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl Config {
    /// A WDM driver outside any workspace.
    #[must_use]
    pub fn new() -> Self {
        Self {
            driver_config: DriverConfig::Wdm,
            manifests: Vec::new(),
        }
    }

    /// Reads the configuration of the workspace that contains the build script.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], if the workspace cannot be read or does not ask for
    /// exactly one supported driver model.
    pub fn from_env_auto() -> Result<Self, ConfigError> {
        let workspace = metadata::read_workspace()?;
        Ok(Self {
            driver_config: workspace.driver_model()?,
            manifests: workspace.manifests,
        })
    }

    /// The manifests that the configuration was read from.
    pub(crate) fn manifests(&self) -> &[PathBuf] {
        &self.manifests
    }

    /// Prints the cargo directives of a library on top of `wdk-sys`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Target`], if the target is not one for drivers.
    pub fn configure_library_build(&self) -> Result<(), ConfigError> {
        directives::Target::from_env()?.check()?;
        directives::print(&directives::library(self));
        Ok(())
    }

    /// Prints the cargo directives of a driver, and makes its import libraries.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], if the target is not one for drivers or the import
    /// libraries cannot be made.
    pub fn configure_binary_build(&self) -> Result<(), ConfigError> {
        let target = directives::Target::from_env()?;
        target.check()?;
        target.check_static_crt()?;
        let out_dir = env::var_os("OUT_DIR").ok_or(ConfigError::Environment("OUT_DIR"))?;
        let libraries = import_library::make(&PathBuf::from(out_dir))?;
        directives::print(&directives::library(self));
        directives::print(&directives::binary(&libraries));
        Ok(())
    }

    /// The C source that includes the headers of `subsets`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::NoHeaders`] for a subset that mingw-w64 does not have.
    pub fn bindgen_header_contents(
        &self,
        subsets: impl IntoIterator<Item = ApiSubset> + Debug,
    ) -> Result<String, ConfigError> {
        bindings::header_contents(subsets)
    }

    /// The Rust source that links the functions in the bindings of `subset`.
    #[must_use]
    pub fn bindgen_library_link_raw_lines(&self, subset: ApiSubset) -> Option<String> {
        (subset == ApiSubset::Base).then(import_library::link_lines)
    }

    /// The headers of `subset`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::NoHeaders`] for a subset that mingw-w64 does not have.
    pub fn headers(
        &self,
        subset: ApiSubset,
    ) -> Result<impl Iterator<Item = String> + use<>, ConfigError> {
        Ok(bindings::headers(subset)?.iter().map(ToString::to_string))
    }

    /// The macros that are defined before any header.
    pub fn preprocessor_definitions(
        &self,
    ) -> impl Iterator<Item = (String, Option<String>)> + use<> {
        bindings::DEFINITIONS
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.map(ToOwned::to_owned)))
    }

    /// The directories of the headers, in the order of search.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Missing`], if mingw-w64's headers or libclang's are
    /// missing.
    pub fn include_paths(&self) -> Result<impl Iterator<Item = PathBuf> + use<>, ConfigError> {
        let paths: Result<_, Missing> = bindings::include_paths();
        Ok(paths?.into_iter())
    }

    /// The name of the table of framework functions: WDM has none.
    #[must_use]
    pub fn compute_wdffunctions_symbol_name(&self) -> Option<String> {
        None
    }
}
