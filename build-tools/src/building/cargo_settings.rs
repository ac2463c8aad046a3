// SPDX-License-Identifier: MIT OR Apache-2.0

//! Settings of cargo that keep a build reproducible and the committed lock file unchanged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::workspace::{Workspace, artifact};

/// Environment variables that would change how images are compiled.
const INHERITED_SETTINGS: [&str; 4] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
];

/// The name of a lock file.
const LOCK: &str = "Cargo.lock";

/// The name of the file with what the lock file in use was made from.
const BASIS: &str = "basis";

/// Makes `cargo` ignore compiler settings of the environment.
pub(super) fn ignore_environment(cargo: &mut Command) {
    for name in INHERITED_SETTINGS {
        cargo.env_remove(name);
    }
}

/// Makes `cargo` resolve in a lock file in `target`: the sources of the standard
/// library or our `wdk-build` would change the committed one.
pub(super) fn use_own_lock(
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
        .args(["--config", &path_setting("resolver.lockfile-path", &lock)])
        .arg("-Zlockfile-path")
        .env("RUSTC_BOOTSTRAP", "1");
    Ok(())
}

/// Records that a build has succeeded with the lock file in use.
pub(super) fn keep_lock(workspace: &Workspace, target: &Path) -> Result<()> {
    let directory = lock_directory(workspace, target)?;
    artifact::write(&directory.join(BASIS), &basis(workspace)?)
}

/// A lock file with the versions of the committed one. Returns `true` beside it if a
/// build has succeeded with it since its basis changed.
///
/// It starts as a copy, which cargo adapts. After that, an unchanged tree needs no
/// resolution and no network.
fn lock_file(workspace: &Workspace, target: &Path) -> Result<(PathBuf, bool)> {
    let directory = lock_directory(workspace, target)?;
    let lock = directory.join(LOCK);
    let known = fs::read(directory.join(BASIS)).unwrap_or_default();
    let adapted = lock.is_file() && known == basis(workspace)?;
    let committed = workspace.root().join(LOCK);
    if !adapted && committed.is_file() {
        artifact::copy(&committed, &lock)?;
    }
    Ok((lock, adapted))
}

/// The directory of the workspace's lock file: several may share a target directory.
fn lock_directory(workspace: &Workspace, target: &Path) -> Result<PathBuf> {
    let root = workspace.root().as_os_str().as_encoded_bytes();
    let hash = Sha256::digest(root);
    let name: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let directory = target.join("locks").join(name);
    fs::create_dir_all(&directory)
        .with_context(|| format!("{} cannot be made: free the path", directory.display()))?;
    Ok(directory)
}

/// What a lock file is made from: the committed one, and what the packages depend on.
fn basis(workspace: &Workspace) -> Result<Vec<u8>> {
    let mut basis = fs::read(workspace.root().join(LOCK)).unwrap_or_default();
    for package in workspace.metadata()?.packages {
        basis.extend(serde_json::to_vec(&package.dependencies)?);
    }
    Ok(basis)
}

/// A setting of cargo whose value is a path.
pub(super) fn path_setting(key: &str, path: &Path) -> String {
    // A JSON string is a TOML string.
    format!("{key}={}", serde_json::json!(path.display().to_string()))
}
