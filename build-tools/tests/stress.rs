// SPDX-License-Identifier: MIT OR Apache-2.0

//! `stress`, used wrongly: each case is one line and status 2, before anything
//! is built or run.

use std::fs;
use std::process::Command;

/// What `stress` with these arguments is refused with.
fn refusal(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("stress")
        .args(arguments)
        .output()
        .expect("the program starts");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    assert!(text.starts_with("error: "), "{arguments:?}: {text}");
    text
}

#[test]
fn what_would_run_nothing() {
    for (arguments, named) in [
        (["--cycles", "0"], "--cycles 0"),
        (["--jobs", "0"], "--jobs 0"),
        (["--first", "18446744073709551615"], "--first"),
    ] {
        let text = refusal(&arguments);
        assert!(text.contains(named), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn an_option_that_is_none() {
    assert!(refusal(&["--cycels", "5"]).contains("--cycels"));
    assert!(refusal(&["--seed", "seven"]).contains("seven"));
}

#[test]
fn a_driver_that_is_not_there() {
    let text = refusal(&["--provider", "missing.sys"]);
    assert!(text.contains("missing.sys cannot be read"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_report_that_could_not_be_written() {
    let directory = tempfile::tempdir().expect("a directory");
    for path in [
        directory.path().join("missing/report.json"),
        directory.path().to_path_buf(),
    ] {
        let path = path.display().to_string();
        let text = refusal(&["--json", &path]);
        assert!(text.contains(&path), "{text}");
        assert!(text.contains("name a file"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    let left = fs::read_dir(directory.path()).expect("read").count();
    assert_eq!(left, 0);
}
