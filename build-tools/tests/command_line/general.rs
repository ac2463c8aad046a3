// SPDX-License-Identifier: MIT OR Apache-2.0

//! Help, misuse, and `doctor`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::xtask::{output, refusal, xtask};

#[test]
fn help_is_no_error() {
    let text = output(&["--help"]);
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
        let text = refusal(arguments);
        assert!(text.contains(named), "{text}");
        assert!(text.contains("--help"), "{text}");
    }
    assert_eq!(xtask(&[]).status.code(), Some(2));
}

#[test]
fn an_unwritable_report_is_one_line_with_a_remedy() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("missing").join("report.json");
    let text = refusal(&["doctor", "--json", &path.display().to_string()]);
    assert!(text.contains("report.json cannot be written"), "{text}");
    assert!(text.contains("name a file"), "{text}");
    assert!(!path.exists());
}

#[test]
fn an_image_that_cannot_be_described_is_refused_before_anything_is_built() {
    assert!(refusal(&["describe"]).contains("<IMAGE>"));
    assert!(refusal(&["describe", "missing.sys"]).contains("missing.sys cannot be read"));
    let own = env!("CARGO_MANIFEST_PATH");
    assert!(refusal(&["describe", own, "--json", "missing/a.json"]).contains("missing/a.json"));
}

#[test]
fn the_doctor_reports_every_prerequisite_by_purpose() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("report.json");
    let output = xtask(&["doctor", "--json", &path.display().to_string()]);
    let prerequisites = read(&path);
    // What the first commands of the README need.
    let mut needed = prerequisites
        .iter()
        .filter(|it| it["purpose"] == "build" || it["purpose"] == "check");
    let (status, verdict) = if needed.all(|it| it["found"] == true) {
        (0, "PASS  ready for cargo xtask stress and cargo xtask test")
    } else {
        (2, "MISSING  ")
    };
    assert_eq!(output.status.code(), Some(status));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = text.lines().last().expect("a verdict");
    assert!(last.starts_with(verdict), "{text}");
    for group in ["pair and tests", "packaging", "Wine", "virtual machines"] {
        assert!(text.contains(&format!("{group}: ")), "{text}");
    }
    for it in &prerequisites {
        let name = it["name"].as_str().expect("a name");
        assert!(text.contains(name), "{text}");
        assert_ne!(it["remedy"], "");
    }
    assert!(prerequisites.iter().any(|it| it["name"] == "cargo"));
}

#[test]
fn a_report_on_standard_output_is_alone_there() {
    let here = tempfile::tempdir().expect("a directory");
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-nmr"))
        .args(["xtask", "doctor", "--json", "-"])
        .current_dir(here.path())
        .output()
        .expect("the program starts");
    let prerequisites: Vec<serde_json::Value> =
        serde_json::from_slice(&output.stdout).expect("nothing but JSON");
    let name = prerequisites[0]["name"].as_str().expect("a name");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(name), "{text}");
    assert_eq!(fs::read_dir(here.path()).expect("read").count(), 0);
}

fn read(path: &Path) -> Vec<serde_json::Value> {
    let bytes = fs::read(path).expect("the report");
    serde_json::from_slice(&bytes).expect("a list")
}
