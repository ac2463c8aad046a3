// SPDX-License-Identifier: MIT OR Apache-2.0

//! Wine's own programs, as they are run in a prefix: whatever the environment of
//! this process is, even none.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::installation::{Installation, installation};

/// Where a session has what it would leave in the system's own directory.
pub(crate) const TEMPORARY: &str = "tmp";

fn environment(prefix: &Path, command: &mut Command) {
    command
        .env("WINEPREFIX", prefix)
        .env("TMPDIR", prefix.join(TEMPORARY))
        .env("WINEARCH", "win64")
        .env("WINEDEBUG", "-all")
        // No window, and no offer to install what it does not need.
        .env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=")
        .env_remove("DISPLAY")
        .env_remove("WINELOADER")
        .env_remove("WINESERVER");
}

/// Wine's loader, with nothing on its command line.
pub(crate) fn loader(installation: &Installation, prefix: &Path) -> Command {
    let mut command = Command::new(installation.loader());
    environment(prefix, &mut command);
    command.stdin(Stdio::null());
    command
}

fn server(installation: &Installation, prefix: &Path, argument: &str) -> Command {
    let mut command = installation.server();
    environment(prefix, &mut command);
    command.arg(argument).stdin(Stdio::null());
    command
}

/// Makes a prefix at `path` that is to stay, with nothing in it yet that a run
/// needs: [`Prefix::from_template`](crate::Prefix::from_template) makes prefixes of it.
///
/// # Errors
///
/// If Wine is not there or cannot make it.
pub fn boot_template(path: &Path) -> Result<()> {
    let temporary = path.join(TEMPORARY);
    fs::create_dir_all(&temporary)
        .with_context(|| format!("{} cannot be made: free the path", path.display()))?;
    boot(&installation()?, path)
}

/// Makes the prefix at `prefix`; returns when no process of the session is left.
pub(crate) fn boot(installation: &Installation, prefix: &Path) -> Result<()> {
    let mut command = loader(installation, prefix);
    command.args(["wineboot", "--init"]);
    quietly(command)?;
    quietly(server(installation, prefix, "--wait"))
}

/// Ends every process of the prefix at `prefix`, and of no other.
pub(crate) fn end(installation: &Installation, prefix: &Path) -> Result<()> {
    // It fails if there is none.
    let _ = server(installation, prefix, "--kill").output();
    // Returns when none is left.
    quietly(server(installation, prefix, "--wait"))
}

/// Ends what runs in the prefix at `path`, and removes it as far as that goes.
pub(crate) fn remove(path: &Path) {
    /// Whoever is being ended may still be writing.
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

fn quietly(mut command: Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("{program} cannot be run: see `cargo xtask doctor`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{program} ended with {}: {}", output.status, said.trim());
    }
    Ok(())
}
