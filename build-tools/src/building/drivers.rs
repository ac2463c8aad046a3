// SPDX-License-Identifier: MIT OR Apache-2.0

//! Builds, links and checks the drivers, and puts them into `target/drivers`.
//!
//! On Windows cargo uses Microsoft's `wdk-build`. On other hosts that crate does not
//! compile; cargo gets `build-tools/wdk-build` in its place, on the command line and
//! with a lock file of its own, so that manifests and the committed lock file are the
//! same on all hosts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use driver_image::DriverImage;

use super::driver_packages::{self, DriverPackage};
use super::work::Work;
use super::{cargo_settings, carried, driver_settings, linker};
use crate::prerequisites::toolchain::{Compiler, TARGET};
use crate::prerequisites::{self, Purpose};
use crate::terminal::{self, Outcome, grouped, print};
use crate::workspace::{DRIVERS, EXAMPLE, Workspace, artifact};

/// Builds these driver packages, unless a setting is missing, and ensures the prerequisites
/// before.
pub(crate) fn set_up_and_build(
    workspace: &Workspace,
    packages: &[DriverPackage],
) -> Result<Outcome> {
    let missing = driver_settings::missing(workspace, packages)?;
    if !missing.is_empty() {
        missing.iter().for_each(terminal::error);
        return Ok(Outcome::Incomplete);
    }
    match prerequisites::ensure(Purpose::Build)? {
        Outcome::Done => build_packages(workspace, packages, &workspace.drivers()),
        other => Ok(other),
    }
}

/// Ensures the prerequisites, then builds the pair.
pub(crate) fn set_up_and_build_pair(workspace: &Workspace) -> Result<Outcome> {
    set_up_and_build(workspace, &driver_packages::find(workspace, &DRIVERS)?)
}

/// Builds the pair.
pub(crate) fn build(workspace: &Workspace) -> Result<Outcome> {
    let packages = driver_packages::find(workspace, &DRIVERS)?;
    build_packages(workspace, &packages, &workspace.drivers())
}

/// Builds the drivers of the example into their own directory.
pub(crate) fn build_example(workspace: &Workspace) -> Result<Outcome> {
    let packages = driver_packages::find(workspace, &EXAMPLE)?;
    build_packages(workspace, &packages, &workspace.example())
}

/// Builds packages into `delivered`.
fn build_packages(
    workspace: &Workspace,
    packages: &[DriverPackage],
    delivered: &Path,
) -> Result<Outcome> {
    let names: Vec<_> = packages.iter().map(|it| it.name.as_str()).collect();
    match images(workspace, &names)? {
        Some(built) => deliver(&built, packages, delivered),
        None => Ok(Outcome::Found),
    }
}

/// Builds packages that are driver images, and returns their directory.
pub(crate) fn images(workspace: &Workspace, packages: &[&str]) -> Result<Option<PathBuf>> {
    let target = target(workspace);
    let built = target.join(TARGET).join("release");
    let work = Work {
        what: "the drivers",
        minutes: 3,
        is_first: !built.is_dir(),
    };
    let mut cargo = cargo(workspace, "build", &Compiler::find()?, packages)?;
    if !work.succeeds(&mut cargo)? {
        let packages = packages.join(", ");
        terminal::error(format!(
            "{packages} cannot be built: correct what cargo says above"
        ));
        return Ok(None);
    }
    cargo_settings::keep_lock(workspace, &target)?;
    Ok(Some(built))
}

/// The target directory of the drivers.
pub(crate) fn target(workspace: &Workspace) -> PathBuf {
    if cfg!(windows) {
        workspace.target().to_path_buf()
    } else {
        workspace.target().join("linux-drivers")
    }
}

/// A cargo command that runs `subcommand` on driver packages with `compiler`.
pub(crate) fn cargo(
    workspace: &Workspace,
    subcommand: &str,
    compiler: &Compiler,
    packages: &[&str],
) -> Result<Command> {
    let target = target(workspace);
    let mut cargo = workspace.cargo();
    cargo
        .args([subcommand, "--release"])
        .arg("--target-dir")
        .arg(&target);
    for package in packages {
        cargo.args(["--package", package]);
    }
    cargo_settings::ignore_environment(&mut cargo);
    compiler.apply(&mut cargo);
    if !cfg!(windows) {
        without_wdk(&mut cargo, workspace, &target)?;
    }
    Ok(cargo)
}

/// Makes `cargo` use our `wdk-build` and linker instead of Microsoft's.
fn without_wdk(cargo: &mut Command, workspace: &Workspace, target: &Path) -> Result<()> {
    cargo_settings::use_own_lock(cargo, workspace, target)?;
    // A workspace that has our `wdk-build` as a member cannot have it twice.
    let substitute = if workspace.is_checkout() {
        workspace.root().join("build-tools").join("wdk-build")
    } else {
        carried::wdk_build(target)?
    };
    cargo
        .args([
            "--config",
            &cargo_settings::path_setting("patch.crates-io.wdk-build.path", &substitute),
        ])
        // Findings name lines; the image only names the file that has them.
        .args(["--config", "profile.release.debug=true"])
        .arg("-Ztrim-paths")
        .args(["--config", "profile.release.trim-paths=\"all\""])
        .env(
            "CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_LINKER",
            linker::path(target)?,
        )
        .env("RC_PATH", driver_prerequisites::resource_compiler()?)
        .env("WDK_BUILD_ROOT", workspace.root());
    Ok(())
}

/// Checks the images in `built`, and copies them to `delivered` if none has a defect.
fn deliver(built: &Path, packages: &[DriverPackage], delivered: &Path) -> Result<Outcome> {
    let mut defects = 0;
    for driver in packages.iter().map(|it| &it.image) {
        let image = DriverImage::read(&built.join(format!("{driver}.dll")))?;
        for defect in image.check() {
            defects += 1;
            terminal::error(format!("{driver}.sys: {defect}"));
        }
    }
    if defects > 0 {
        return Ok(Outcome::Found);
    }
    fs::create_dir_all(delivered)
        .with_context(|| format!("{} cannot be made: free the path", delivered.display()))?;
    for driver in packages.iter().map(|it| &it.image) {
        // The extensions: cargo's, and those that Windows expects.
        for (made, wanted) in [("dll", "sys"), ("pdb", "pdb")] {
            let from = built.join(driver).with_extension(made);
            let to = delivered.join(driver).with_extension(wanted);
            if artifact::same(&from, &to) {
                continue;
            }
            artifact::copy(&from, &to)?;
            if wanted == "sys" {
                let size = fs::metadata(&to)?.len().div_ceil(1024);
                print(format!("built {driver}.sys  {} KB", grouped(size)));
            }
        }
    }
    Ok(Outcome::Done)
}
