// SPDX-License-Identifier: MIT OR Apache-2.0

//! Finds the driver packages of a workspace, as windows-drivers-rs marks them: with
//! `[package.metadata.wdk]`, or by what they depend on.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use cargo_metadata::{CrateType, DependencyKind, Metadata, Package, TargetKind};
use serde_json::Value;

use crate::workspace::{DRIVERS, Workspace};

/// The crate that only a driver uses, not a library for drivers.
const PANIC: &str = "wdk-panic";
/// The crates that an image uses if it is a driver.
const OF_DRIVERS: [&str; 3] = [PANIC, "wdk-alloc", "wdk-sys"];

/// A package whose library is a driver image.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting that may be missing"
)]
pub(crate) struct DriverPackage {
    pub(crate) name: String,
    /// Its manifest.
    pub(super) manifest: PathBuf,
    /// The name of its image, without extension.
    pub(crate) image: String,
    /// The `driver-type` of it or of its workspace.
    pub(super) driver_type: Option<Value>,
    /// `true` if it has the table `metadata.wdk`.
    pub(super) is_marked: bool,
    /// `true` if its library is a cdylib.
    pub(super) is_cdylib: bool,
    /// `true` if it has a build script.
    pub(super) has_build_script: bool,
    /// `true` if the build script can use `wdk-build`.
    pub(super) has_wdk_build: bool,
}

/// The workspace's packages that are drivers: those of these names, or else all. Of this
/// project, all is the pair.
pub(crate) fn find(workspace: &Workspace, names: &[&str]) -> Result<Vec<DriverPackage>> {
    let Some(manifest) = workspace.manifest() else {
        bail!("there is no Cargo.toml here: run this in a workspace with drivers");
    };
    let metadata = workspace.metadata()?;
    let wanted: &[&str] = if names.is_empty() && workspace.is_checkout() {
        &DRIVERS
    } else {
        names
    };
    let mut found: Vec<_> = members(&metadata)
        .filter(|package| wanted.is_empty() || wanted.contains(&package.name.as_str()))
        .filter_map(|package| driver(package, &metadata))
        .collect();
    for name in wanted {
        let is_it = |driver: &DriverPackage| driver.name == *name;
        ensure!(
            found.iter().any(is_it),
            "{} has no driver package {name}: --package takes one of {}",
            manifest.display(),
            names_of(&metadata)
        );
    }
    found.sort_by_key(|driver| wanted.iter().position(|name| *name == driver.name));
    ensure!(
        !found.is_empty(),
        "{} has no driver package: a driver has [package.metadata.wdk.driver-model] with \
         driver-type = \"WDM\", and [lib] with crate-type = [\"cdylib\"]",
        manifest.display()
    );
    Ok(found)
}

/// The workspace's members.
fn members(metadata: &Metadata) -> impl Iterator<Item = &Package> {
    metadata.packages.iter()
}

/// The names of the packages that are drivers.
fn names_of(metadata: &Metadata) -> String {
    let names = members(metadata).filter_map(|package| driver(package, metadata));
    let names: Vec<_> = names.map(|driver| driver.name).collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    names.join(", ")
}

/// The package as a driver, if it is one: marked, or a cdylib that uses what only drivers do.
fn driver(package: &Package, metadata: &Metadata) -> Option<DriverPackage> {
    let uses = |name: &str, kind: DependencyKind| {
        let mut dependencies = package.dependencies.iter();
        dependencies.any(|it| it.name == name && it.kind == kind)
    };
    let library = package.targets.iter().find(|target| {
        target
            .kind
            .iter()
            .any(|kind| matches!(kind, TargetKind::Lib | TargetKind::CDyLib))
    });
    let is_cdylib = library.is_some_and(|it| it.crate_types.contains(&CrateType::CDyLib));
    let is_marked = package.metadata.get("wdk").is_some();
    let has_wdk_build = uses("wdk-build", DependencyKind::Build);
    let uses_kernel = |names: &[&str]| names.iter().any(|it| uses(it, DependencyKind::Normal));
    let is_driver = is_cdylib && (is_marked || has_wdk_build || uses_kernel(&OF_DRIVERS))
        || is_marked && (has_wdk_build || uses_kernel(&[PANIC]));
    let kind = |value: &Value| value.pointer("/wdk/driver-model/driver-type").cloned();
    is_driver.then(|| DriverPackage {
        name: package.name.to_string(),
        manifest: package.manifest_path.clone().into_std_path_buf(),
        image: library
            .map_or(package.name.as_str(), |it| &it.name)
            .replace('-', "_"),
        driver_type: kind(&package.metadata).or_else(|| kind(&metadata.workspace_metadata)),
        is_marked,
        is_cdylib,
        has_build_script: package
            .targets
            .iter()
            .any(cargo_metadata::Target::is_custom_build),
        has_wdk_build,
    })
}
