// SPDX-License-Identifier: MIT OR Apache-2.0

//! Checks what cargo must be told of a driver, before anything is compiled: each line that
//! is missing, and the file that it belongs to.

use std::fs;
use std::path::Path;

use anyhow::Result;
use toml::Table;

use super::cargo_settings;
use super::driver_packages::DriverPackage;
use crate::prerequisites::toolchain::TARGET;
use crate::workspace::{Workspace, output};

/// What is missing, one line each.
pub(super) fn missing(workspace: &Workspace, packages: &[DriverPackage]) -> Result<Vec<String>> {
    let mut missing: Vec<_> = packages
        .iter()
        .flat_map(|package| of_package(workspace, package))
        .collect();
    let manifest = workspace.root().join("Cargo.toml");
    if !panic_aborts(workspace, &manifest)? {
        missing.push(format!(
            "{}: add panic = \"abort\" to [profile.release] and [profile.dev]: a driver cannot \
             unwind",
            workspace.shown(&manifest)
        ));
    }
    if let Some(package) = packages.first()
        && !has_static_crt(workspace, package)?
    {
        let config = workspace.root().join(".cargo").join("config.toml");
        missing.push(format!(
            "{}: add rustflags = [\"-Ctarget-feature=+crt-static\"] to [build]: a driver has no \
             C runtime to load",
            workspace.shown(&config)
        ));
    }
    Ok(missing)
}

/// What is missing in the files of a package.
fn of_package(workspace: &Workspace, package: &DriverPackage) -> Vec<String> {
    let manifest = workspace.shown(&package.manifest);
    let script = package.manifest.with_file_name("build.rs");
    let script = workspace.shown(&script);
    let mut missing = Vec::new();
    match package.driver_type.as_ref().map(|it| it.as_str()) {
        Some(Some("WDM")) => {}
        Some(Some(framework @ ("KMDF" | "UMDF"))) if !cfg!(windows) => missing.push(format!(
            "{manifest}: driver-type = \"{framework}\" needs the headers of a WDK: build it on \
             Windows, or write driver-type = \"WDM\" and bind the framework as kmdf does"
        )),
        Some(Some("KMDF" | "UMDF")) => {}
        Some(_) => missing.push(format!(
            "{manifest}: write driver-type = \"WDM\" in [package.metadata.wdk.driver-model]"
        )),
        None => missing.push(format!(
            "{manifest}: add driver-type = \"WDM\" to [package.metadata.wdk.driver-model]"
        )),
    }
    if !package.is_marked && package.driver_type.is_some() {
        missing.push(format!(
            "{manifest}: add [package.metadata.wdk], which marks a driver of the workspace"
        ));
    }
    if !package.is_cdylib {
        missing.push(format!(
            "{manifest}: add crate-type = [\"cdylib\"] to [lib]: a driver is an image"
        ));
    }
    if !package.has_wdk_build {
        missing.push(format!(
            "{manifest}: add wdk-build = \"0.6\" to [build-dependencies]"
        ));
    }
    if !package.has_build_script {
        missing.push(format!(
            "{script}: add fn main() -> Result<(), wdk_build::ConfigError> {{ \
             wdk_build::configure_wdk_binary_build() }}"
        ));
    }
    missing
}

/// Returns `true` if the profile in use makes a panic abort, by the manifest or by cargo's
/// configuration.
fn panic_aborts(workspace: &Workspace, manifest: &Path) -> Result<bool> {
    let table: Table = toml::from_str(&fs::read_to_string(manifest)?)?;
    let profile = table.get("profile").and_then(|it| it.get("release"));
    let stated = profile.and_then(|it| it.get("panic"));
    if stated.and_then(toml::Value::as_str) == Some("abort") {
        return Ok(true);
    }
    let mut cargo = workspace.cargo();
    cargo
        .args(["config", "-Zunstable-options", "get"])
        .args(["--format=json-value", "profile.release.panic"])
        .env("RUSTC_BOOTSTRAP", "1");
    // An error means that it is not configured.
    Ok(output(&mut cargo).is_ok_and(|value| value.contains("abort")))
}

/// Returns `true` if cargo has rustc link the C runtime statically. Any rustc knows.
fn has_static_crt(workspace: &Workspace, package: &DriverPackage) -> Result<bool> {
    let mut cargo = workspace.cargo();
    cargo
        .args(["rustc", "-Zunstable-options", "--release", "--print=cfg"])
        .args(["--target", TARGET, "--package", &package.name, "--lib"])
        .env("RUSTC_BOOTSTRAP", "1");
    cargo_settings::ignore_environment(&mut cargo);
    Ok(output(&mut cargo)?.contains("target_feature=\"crt-static\""))
}
