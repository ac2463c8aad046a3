// SPDX-License-Identifier: MIT OR Apache-2.0

//! Programs of the host that are run and waited for, and signals that end the wait.

pub mod interrupt;
pub mod program;

use std::process::{Command, ExitStatus, Output};

use anyhow::{Context, Result, bail};

use program::PROGRAM;

/// Runs `command` on the user's terminal. Returns `true` if it succeeded.
///
/// # Errors
///
/// If it cannot be run.
pub fn succeeds(command: &mut Command) -> Result<bool> {
    let status = command.status().with_context(|| cannot_run(command))?;
    Ok(has_succeeded(status))
}

/// Runs `command` and prints nothing of it.
///
/// # Errors
///
/// If it cannot be run, or exits with a status other than 0: then with its last lines.
pub fn run(command: &mut Command) -> Result<()> {
    successful(command).map(drop)
}

/// Runs `command` and returns its output, trimmed.
///
/// # Errors
///
/// As for [`run`].
pub fn output(command: &mut Command) -> Result<String> {
    let output = successful(command)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs `command`. Returns `true` if it succeeded, and all that it printed, trimmed.
///
/// # Errors
///
/// If it cannot be run.
pub fn output_and_errors(command: &mut Command) -> Result<(bool, String)> {
    let output = command.output().with_context(|| cannot_run(command))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    Ok((has_succeeded(output.status), text))
}

/// The last lines of what a program has printed, in one line: programs state the reason
/// of a failure last.
#[must_use]
pub fn last_lines(log: &str) -> String {
    /// Enough for the message of a panic.
    const LINES: usize = 5;
    let lines: Vec<_> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return "it printed nothing".to_owned();
    }
    lines[lines.len().saturating_sub(LINES)..].join(" | ")
}

/// Runs `command`, which must succeed.
fn successful(command: &mut Command) -> Result<Output> {
    let output = command.output().with_context(|| cannot_run(command))?;
    if !has_succeeded(output.status) {
        let program = command.get_program().to_string_lossy();
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{program} exited with {}: {}",
            output.status,
            last_lines(&errors)
        );
    }
    Ok(output)
}

/// Returns `true` if a program that ended with `status` has succeeded. Its failure is known
/// only after a signal to this process, too, has been handled.
#[must_use]
pub fn has_succeeded(status: ExitStatus) -> bool {
    if !status.success() {
        interrupt::settle();
    }
    status.success()
}

fn cannot_run(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    format!("{program} cannot be run: see `{PROGRAM} doctor`")
}

#[cfg(test)]
mod tests {
    use super::last_lines;

    #[test]
    fn the_last_lines_are_one_line() {
        assert_eq!(last_lines("\n \n"), "it printed nothing");
        assert_eq!(last_lines("a\n\nb\n"), "a | b");
        assert_eq!(last_lines("1\n2\n3\n4\n5\n6"), "2 | 3 | 4 | 5 | 6");
    }
}
