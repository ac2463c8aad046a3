// SPDX-License-Identifier: MIT OR Apache-2.0

//! Settings of cargo that keep a build reproducible and the committed lock file unchanged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::{Workspace, artifact};

/// Environment variables that would change how images are compiled.
const INHERITED_SETTINGS: [&str; 4] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
];

/// A copy of the committed lock file from which the one in use was adapted.
const ADAPTED: &str = "Cargo.lock.adapted";

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

/// Records that a build has succeeded with the lock file adapted from the committed one.
pub(super) fn keep_lock(workspace: &Workspace, target: &Path) -> Result<()> {
    artifact::copy(&workspace.root().join("Cargo.lock"), &target.join(ADAPTED))
}

/// A lock file with the versions of the committed one. Returns `true` beside it if a
/// build has succeeded with it since the committed one changed.
///
/// It starts as a copy, which cargo adapts. After that, an unchanged tree needs no
/// resolution and no network.
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

/// A setting of cargo whose value is a path.
pub(super) fn path_setting(key: &str, path: &Path) -> String {
    // A JSON string is a TOML string.
    format!("{key}={}", serde_json::json!(path.display().to_string()))
}
