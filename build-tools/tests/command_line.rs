// SPDX-License-Identifier: MIT OR Apache-2.0

//! The real program, used wrongly and rightly.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn xtask(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(arguments)
        .output()
        .expect("the program starts")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn help_is_no_error() {
    let output = xtask(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for command in ["doctor", "setup", "build", "test"] {
        assert!(text.contains(command), "{text}");
    }
}

#[test]
fn wrong_use_ends_with_2_and_names_it() {
    for (arguments, named) in [
        (&["doctor", "--jsno", "x"][..], "--jsno"),
        (&["biuld"], "biuld"),
        (&["setup", "now"], "now"),
    ] {
        let output = xtask(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let text = stderr(&output);
        assert!(text.starts_with("error: "), "{text}");
        assert!(text.contains(named), "{text}");
        assert!(text.contains("--help"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    assert_eq!(xtask(&[]).status.code(), Some(2));
}

#[test]
fn an_unwritable_report_is_one_line_with_a_remedy() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("missing").join("report.json");
    let output = xtask(&["doctor", "--json", &path.display().to_string()]);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("error: "), "{text}");
    assert!(text.contains("report.json cannot be written"), "{text}");
    assert!(text.contains("name another file"), "{text}");
    assert!(!path.exists());
}

#[test]
fn the_doctor_reports_every_part() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("report.json");
    let output = xtask(&["doctor", "--json", &path.display().to_string()]);
    let parts = read(&path);
    let all_found = parts.iter().all(|part| part["found"] == true);
    assert_eq!(output.status.code(), Some(if all_found { 0 } else { 2 }));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in &parts {
        let name = part["name"].as_str().expect("a name");
        assert!(text.contains(name), "{text}");
        assert_ne!(part["remedy"], "");
    }
    assert!(parts.iter().any(|part| part["name"] == "cargo"));
}

fn read(path: &Path) -> Vec<serde_json::Value> {
    let bytes = fs::read(path).expect("the report");
    serde_json::from_slice(&bytes).expect("a list")
}
