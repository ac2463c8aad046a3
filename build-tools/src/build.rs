// SPDX-License-Identifier: MIT OR Apache-2.0

//! `build`: the drivers, linked, checked and put where everything else looks
//! for them.
//!
//! On Windows cargo does it with Microsoft's `wdk-build`. Elsewhere that crate
//! does not compile, so cargo gets `build-tools/wdk-build` in its place, on the
//! command line and with a lock file of its own: manifests and the committed
//! lock file stay as they are on Windows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use driver_image::DriverImage;

use crate::image_report;
use crate::outcome::Outcome;
use crate::parts::Purpose;
use crate::screen::{self, say};
use crate::toolchain::{Compiler, TARGET};
use crate::workspace::{DRIVERS, EXAMPLE, Workspace, image};
use crate::{artifact, linker, setup, unused_patch};

/// What would change how the drivers are compiled without anyone's intent.
const FOREIGN_SETTINGS: [&str; 4] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
];

/// The committed lock file that the one in use was adapted from.
const ADAPTED: &str = "Cargo.lock.adapted";

pub(crate) fn run() -> Result<Outcome> {
    match setup::ensure(Purpose::Build)? {
        Outcome::Done => drivers(&Workspace::find()?),
        other => Ok(other),
    }
}

/// Builds the drivers; every part must be there.
pub(crate) fn drivers(workspace: &Workspace) -> Result<Outcome> {
    match images(workspace, &DRIVERS)? {
        Some(built) => deliver(&built, &DRIVERS, &workspace.drivers()),
        None => Ok(Outcome::Found),
    }
}

/// Builds the drivers of the `KeyValue` example into their own directory; every part
/// must be there.
pub(crate) fn example(workspace: &Workspace) -> Result<Outcome> {
    match images(workspace, &EXAMPLE)? {
        Some(built) => deliver(&built, &EXAMPLE, &workspace.example()),
        None => Ok(Outcome::Found),
    }
}

/// Builds packages that are driver images; answers where they are, or `None` if
/// they do not build.
pub(crate) fn images(workspace: &Workspace, packages: &[&str]) -> Result<Option<PathBuf>> {
    let target = target(workspace);
    let mut cargo = cargo(workspace, "build", &Compiler::find()?, packages)?;
    if !unused_patch::succeeds_without_its_warning(&mut cargo)? {
        let packages = packages.join(", ");
        screen::error(format!(
            "{packages} cannot be built: correct what cargo says above"
        ));
        return Ok(None);
    }
    keep_lock(workspace, &target)?;
    Ok(Some(target.join(TARGET).join("release")))
}

/// A build has succeeded with the lock file adapted from the committed one.
pub(crate) fn keep_lock(workspace: &Workspace, target: &Path) -> Result<()> {
    artifact::copy(&workspace.root().join("Cargo.lock"), &target.join(ADAPTED))
}

fn target(workspace: &Workspace) -> PathBuf {
    if cfg!(windows) {
        workspace.target().to_path_buf()
    } else {
        workspace.target().join("linux-drivers")
    }
}

/// A cargo that runs `subcommand` on driver packages with `compiler`; every part
/// must be there.
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
    without_foreign_settings(&mut cargo);
    compiler.apply(&mut cargo);
    if !cfg!(windows) {
        without_wdk(&mut cargo, workspace, &target)?;
    }
    Ok(cargo)
}

/// Makes `cargo` compile as this workspace says.
pub(crate) fn without_foreign_settings(cargo: &mut Command) {
    for name in FOREIGN_SETTINGS {
        cargo.env_remove(name);
    }
}

/// Makes `cargo` do without Microsoft's `wdk-build` and linker.
fn without_wdk(cargo: &mut Command, workspace: &Workspace, target: &Path) -> Result<()> {
    with_own_lock(cargo, workspace, target)?;
    let substitute = workspace.root().join("build-tools").join("wdk-build");
    cargo
        .args([
            "--config",
            &setting("patch.crates-io.wdk-build.path", &substitute),
        ])
        .arg("-Ztrim-paths")
        .args(["--config", "profile.release.trim-paths=\"all\""])
        .env(
            "CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_LINKER",
            linker::path(target)?,
        )
        .env("WDK_BUILD_ROOT", workspace.root());
    Ok(())
}

/// Makes `cargo` resolve in a lock file of its own: the sources of the standard
/// library or our `wdk-build` would change the committed one.
pub(crate) fn with_own_lock(
    cargo: &mut Command,
    workspace: &Workspace,
    target: &Path,
) -> Result<()> {
    let (lock, adapted) = lock_file(workspace, target)?;
    if adapted {
        // Cargo would ask the registry about `core`'s dependencies every time.
        cargo.arg("--offline");
    }
    cargo
        .args(["--config", &setting("resolver.lockfile-path", &lock)])
        .arg("-Zlockfile-path")
        .env("RUSTC_BOOTSTRAP", "1");
    Ok(())
}

/// A lock file with the versions of the committed one, and whether a build has
/// succeeded with it since the committed one changed.
///
/// It starts as a copy, which cargo adapts. Once it has, an unchanged tree needs
/// no resolution and no network.
fn lock_file(workspace: &Workspace, target: &Path) -> Result<(PathBuf, bool)> {
    let committed = workspace.root().join("Cargo.lock");
    let lock = target.join("Cargo.lock");
    fs::create_dir_all(target)
        .with_context(|| format!("{} cannot be made: free the path", target.display()))?;
    let adapted = lock.is_file() && artifact::same(&committed, &target.join(ADAPTED));
    if !adapted {
        artifact::copy(&committed, &lock)?;
    }
    Ok((lock, adapted))
}

/// A setting of cargo's whose value is a path.
fn setting(key: &str, path: &Path) -> String {
    // A JSON string is a TOML string.
    format!("{key}={}", serde_json::json!(path.display().to_string()))
}

/// Checks the images in `built`, and copies them to `delivered` if all are good.
fn deliver(built: &Path, packages: &[&str], delivered: &Path) -> Result<Outcome> {
    let mut defects = 0;
    for driver in packages.iter().copied().map(image) {
        let image = DriverImage::read(&built.join(format!("{driver}.dll")))?;
        say(image_report::describe(&driver, &image));
        for defect in image.check() {
            defects += 1;
            screen::error(format!("{driver}.sys: {defect}"));
        }
    }
    if defects > 0 {
        return Ok(Outcome::Found);
    }
    fs::create_dir_all(delivered)
        .with_context(|| format!("{} cannot be made: free the path", delivered.display()))?;
    for driver in packages.iter().copied().map(image) {
        // Cargo's names, and those that Windows expects.
        for (made, wanted) in [("dll", "sys"), ("pdb", "pdb")] {
            let from = built.join(&driver).with_extension(made);
            let to = delivered.join(&driver).with_extension(wanted);
            artifact::copy(&from, &to)?;
        }
    }
    say(format!("checked, and put into {}", delivered.display()));
    Ok(Outcome::Done)
}
