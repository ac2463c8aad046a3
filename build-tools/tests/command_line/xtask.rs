// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs `cargo xtask` and checks how it ends.

use std::process::{Command, Output};

/// A command that runs the program.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-nmr"));
    command.arg("xtask");
    command
}

/// Runs the program.
pub(crate) fn xtask(arguments: &[&str]) -> Output {
    command()
        .args(arguments)
        .output()
        .expect("the program starts")
}

/// What the program prints to stdout; it must succeed.
pub(crate) fn output(arguments: &[&str]) -> String {
    let output = xtask(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The error lines with which the program exits with `status`.
pub(crate) fn errors(arguments: &[&str], status: i32) -> String {
    let output = xtask(arguments);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {text}");
    let verdict = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        status == 2 && verdict.is_empty() || verdict.starts_with("FAIL  "),
        "{arguments:?}: {verdict}"
    );
    let mut lines = text.lines();
    assert!(lines.all(|it| it.starts_with("error: ")), "{text}");
    text
}

/// The one line with which the program refuses `arguments`.
pub(crate) fn refusal(arguments: &[&str]) -> String {
    let text = errors(arguments, 2);
    assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
    text
}
