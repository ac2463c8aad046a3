// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs Wine's own programs in a prefix, independent of this process's environment.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::installation::{Installation, installation};

/// The subdirectory for temporary files of sessions, instead of the host's.
pub(crate) const TEMPORARY: &str = "tmp";

/// Sets the environment of Wine's programs.
fn set_environment(prefix: &Path, command: &mut Command) {
    command
        .env("WINEPREFIX", prefix)
        .env("TMPDIR", prefix.join(TEMPORARY))
        .env("WINEARCH", "win64")
        .env("WINEDEBUG", "-all")
        // No window, and no offer to install Mono or Gecko.
        .env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=")
        .env_remove("DISPLAY")
        .env_remove("WINELOADER")
        .env_remove("WINESERVER");
}

/// A command that starts Wine's loader.
pub(crate) fn loader(installation: &Installation, prefix: &Path) -> Command {
    let mut command = Command::new(installation.loader());
    set_environment(prefix, &mut command);
    command.stdin(Stdio::null());
    command
}

fn server(installation: &Installation, prefix: &Path, argument: &str) -> Command {
    let mut command = installation.server();
    set_environment(prefix, &mut command);
    command.arg(argument).stdin(Stdio::null());
    command
}

/// Makes a permanent prefix at `path` as a template for
/// [`Prefix::from_template`](crate::Prefix::from_template).
///
/// # Errors
///
/// If Wine is missing or fails.
pub fn boot_template(path: &Path) -> Result<()> {
    let temporary = path.join(TEMPORARY);
    fs::create_dir_all(&temporary)
        .with_context(|| format!("{} cannot be made: free the path", path.display()))?;
    boot(&installation()?, path)
}

/// Makes the prefix at `prefix`; returns when all processes of the session have exited.
pub(crate) fn boot(installation: &Installation, prefix: &Path) -> Result<()> {
    let mut command = loader(installation, prefix);
    command.args(["wineboot", "--init"]);
    child::run(&mut command)?;
    child::run(&mut server(installation, prefix, "--wait"))
}

/// Ends all processes of the prefix at `prefix`.
pub(crate) fn end(installation: &Installation, prefix: &Path) -> Result<()> {
    // It fails if there is no process.
    let _ = server(installation, prefix, "--kill").output();
    // Returns when all have exited.
    child::run(&mut server(installation, prefix, "--wait"))
}

/// Ends all processes of the prefix at `path`, and removes it if possible.
pub(crate) fn remove(path: &Path) {
    /// A process that is being ended may still be writing.
    const TRIES: usize = 3;

    if let Ok(installation) = installation() {
        let _ = end(&installation, path);
    }
    for _ in 0..TRIES {
        if fs::remove_dir_all(path).is_ok() {
            return;
        }
    }
}
