// SPDX-License-Identifier: MIT OR Apache-2.0

//! Child processes that are waited for: cargo and the tools.

use std::env;
use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The cargo that runs this program, else the one on PATH.
pub(crate) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Runs `command` on the user's terminal. Returns `true` if it succeeded.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    let status = command.status().with_context(|| cannot_run(command))?;
    Ok(status.success())
}

/// Runs `command` and returns its output, trimmed; an exit status other than 0 is an error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| cannot_run(command))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let program = command.get_program().to_string_lossy();
        bail!("{program} exited with {}: {}", output.status, errors.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs `command`. Returns `true` if it succeeded, and all that it printed, trimmed.
pub(crate) fn output_and_errors(command: &mut Command) -> Result<(bool, String)> {
    let output = command.output().with_context(|| cannot_run(command))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    Ok((output.status.success(), text))
}

fn cannot_run(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    format!("{program} cannot be run: see `cargo xtask doctor`")
}
