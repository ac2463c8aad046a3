// SPDX-License-Identifier: MIT OR Apache-2.0

//! The directives that a build script prints for cargo.

use std::env;
use std::path::Path;

use crate::config::{Config, DriverConfig};
use crate::error::ConfigError;

const CHECK_CFG: &str =
    r#"cargo::rustc-check-cfg=cfg(driver_model__driver_type, values("WDM","KMDF","UMDF"))"#;

/// Prints directives.
pub(crate) fn print(directives: &[String]) {
    for directive in directives {
        println!("{directive}");
    }
}

/// The directives of a library in a workspace without a driver.
pub(crate) fn without_driver() -> Vec<String> {
    vec![
        CHECK_CFG.to_owned(),
        "cargo::warning=no [package.metadata.wdk.driver-model] in the workspace".to_owned(),
    ]
}

/// The directives of everything on top of `wdk-sys`.
pub(crate) fn library(config: &Config) -> Vec<String> {
    let model = match config.driver_config {
        DriverConfig::Wdm => "WDM",
        DriverConfig::Kmdf(_) => "KMDF",
        DriverConfig::Umdf(_) => "UMDF",
    };
    let manifests = config
        .manifests()
        .iter()
        .map(|manifest| format!("cargo::rerun-if-changed={}", manifest.display()));
    [
        CHECK_CFG.to_owned(),
        format!("cargo::rustc-cfg=driver_model__driver_type=\"{model}\""),
    ]
    .into_iter()
    .chain(manifests)
    .collect()
}

/// The directives of a driver, whose import libraries are in `libraries`.
pub(crate) fn binary(libraries: &Path) -> Vec<String> {
    let search = format!("cargo::rustc-link-search=native={}", libraries.display());
    std::iter::once(search)
        .chain(
            driver_prerequisites::LINK_OPTIONS
                .map(|option| format!("cargo::rustc-cdylib-link-arg={option}")),
        )
        .collect()
}

/// The compilation target.
#[derive(Debug)]
pub(crate) struct Target {
    triple: String,
    features: String,
}

impl Target {
    /// Reads the target from cargo's environment variables.
    pub(crate) fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            triple: env::var("TARGET").map_err(|_| ConfigError::Environment("TARGET"))?,
            features: env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default(),
        })
    }

    /// Refuses other targets: mingw-w64's libraries are for one processor, and `wdk-sys` for
    /// one ABI.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.triple == "x86_64-pc-windows-msvc" {
            Ok(())
        } else {
            Err(ConfigError::Target(self.triple.clone()))
        }
    }

    /// Refuses a dynamic C runtime: kernel mode has none.
    pub(crate) fn check_static_crt(&self) -> Result<(), ConfigError> {
        if self.features.split(',').any(|one| one == "crt-static") {
            Ok(())
        } else {
            Err(ConfigError::StaticCrtNotEnabled)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(triple: &str, features: &str) -> Target {
        Target {
            triple: triple.to_owned(),
            features: features.to_owned(),
        }
    }

    #[test]
    fn drivers_are_for_one_target() {
        let good = target("x86_64-pc-windows-msvc", "crt-static,sse2");
        good.check().expect("the driver target");
        good.check_static_crt().expect("a static runtime");
        let host = target("x86_64-unknown-linux-gnu", "sse2");
        let text = host.check().expect_err("not Windows").to_string();
        assert!(
            text.contains("use --target x86_64-pc-windows-msvc"),
            "{text}"
        );
        assert!(matches!(
            host.check_static_crt(),
            Err(ConfigError::StaticCrtNotEnabled)
        ));
    }

    #[test]
    fn a_driver_is_linked_as_one() {
        let directives = binary(Path::new("/out"));
        assert_eq!(directives[0], "cargo::rustc-link-search=native=/out");
        let expected = "cargo::rustc-cdylib-link-arg=/ENTRY:DriverEntry";
        assert!(directives.iter().any(|directive| directive == expected));
        assert!(
            !directives
                .iter()
                .any(|directive| directive.contains("/KERNEL"))
        );
    }
}
