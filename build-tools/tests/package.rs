// SPDX-License-Identifier: MIT OR Apache-2.0

//! `package` where nothing is built: what it refuses, and what it finds in
//! packages that are none. Whole ones are tried by `cargo xtask test package`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn package(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("package")
        .args(arguments)
        .output()
        .expect("the program starts")
}

/// The lines that a package is found wrong, or refused, with.
fn complaint(arguments: &[&str], status: i32) -> String {
    let output = package(arguments);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {text}");
    assert!(
        text.lines().all(|line| line.starts_with("error: ")),
        "{arguments:?}: {text}"
    );
    text
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn what_does_not_go_together() {
    for (arguments, named) in [
        (&["somewhere"][..], "--verify"),
        (&["--json", "x.json"], "--verify"),
        (&["--verify", "--into", "x"], "--into"),
        (&["--provider", "missing.sys"], "missing.sys cannot be read"),
        (&["--verify", "--json", "missing/x.json"], "missing/x.json"),
    ] {
        let text = complaint(arguments, 2);
        assert!(text.contains(named), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn no_package_is_no_verdict() {
    let directory = TempDir::new().expect("a directory");
    let empty = shown(directory.path());
    let missing = shown(&directory.path().join("missing"));
    for path in [empty, missing] {
        let text = complaint(&["--verify", &path], 2);
        assert!(text.contains(&path), "{text}");
        assert!(text.contains("cargo xtask package"), "{text}");
    }
}

#[test]
fn another_directory_is_not_replaced() {
    let directory = TempDir::new().expect("a directory");
    fs::write(directory.path().join("letter.txt"), "dear").expect("written");
    let path = shown(directory.path());
    let text = complaint(&["--into", &path], 2);
    assert!(text.contains("is not a package"), "{text}");
    let left = fs::read_dir(directory.path()).expect("read").count();
    assert_eq!(left, 1);
}

#[test]
fn a_manifest_that_is_none_is_a_finding() {
    let directory = TempDir::new().expect("a directory");
    fs::write(directory.path().join("manifest.json"), "{}").expect("written");
    let report = directory.path().join("verdict.json");
    let path = shown(directory.path());
    let text = complaint(&["--verify", &path, "--json", &shown(&report)], 1);
    assert!(text.contains("manifest.json: it cannot be under"), "{text}");
    assert!(
        text.contains("manifest.json.sha256: it is missing"),
        "{text}"
    );
    let verdict = fs::read(&report).expect("a report");
    let verdict: serde_json::Value = serde_json::from_slice(&verdict).expect("JSON");
    assert_eq!(verdict["passed"], false);
    assert_eq!(verdict["faults"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_manifest_must_have_each_driver_and_no_stranger() {
    let directory = TempDir::new().expect("a directory");
    let manifest = r#"{"source": {"version": "1", "revision": "0", "committed": 0,
        "date": "01/01/1970", "clean": true}, "tools": {}, "files": {}}"#;
    fs::write(directory.path().join("manifest.json"), manifest).expect("written");
    fs::write(directory.path().join("stranger.sys"), "").expect("written");
    let text = complaint(&["--verify", &shown(directory.path())], 1);
    for line in [
        "stranger.sys: it is not in the manifest",
        "provider.sys: the manifest does not have it",
        "client_wdf.inf: the manifest does not have it",
        "NmrPairTest.cer: the manifest does not have it",
    ] {
        assert!(text.contains(line), "{text}");
    }
}
