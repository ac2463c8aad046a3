// SPDX-License-Identifier: MIT OR Apache-2.0

//! `package` where nothing is built: what it refuses, and what it finds in directories
//! that are not packages. Complete packages are tried by `cargo xtask test package`.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::xtask;

/// The lines with which `package` exits with `status`.
fn errors(arguments: &[&str], status: i32) -> String {
    xtask::errors(&[&["package"], arguments].concat(), status)
}

/// The line with which `package` refuses `arguments`.
fn refusal(arguments: &[&str]) -> String {
    xtask::refusal(&[&["package"], arguments].concat())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn conflicting_or_invalid_options_are_refused() {
    for (arguments, named) in [
        (&["somewhere"][..], "--verify"),
        (&["--json", "x.json"], "--verify"),
        (&["--verify", "--into", "x"], "--into"),
        (&["--provider", "missing.sys"], "missing.sys cannot be read"),
        (&["--verify", "--json", "missing/x.json"], "missing/x.json"),
    ] {
        let text = refusal(arguments);
        assert!(text.contains(named), "{text}");
    }
}

#[test]
fn no_package_is_no_verdict() {
    let directory = TempDir::new().expect("a directory");
    let empty = shown(directory.path());
    let missing = shown(&directory.path().join("missing"));
    for path in [empty, missing] {
        let text = refusal(&["--verify", &path]);
        assert!(text.contains(&path), "{text}");
        assert!(text.contains("cargo xtask package"), "{text}");
    }
}

#[test]
fn another_directory_is_not_replaced() {
    let directory = TempDir::new().expect("a directory");
    fs::write(directory.path().join("letter.txt"), "dear").expect("written");
    let path = shown(directory.path());
    let text = refusal(&["--into", &path]);
    assert!(text.contains("is not a package"), "{text}");
    let left = fs::read_dir(directory.path()).expect("read").count();
    assert_eq!(left, 1);
}

#[test]
fn an_invalid_manifest_is_a_finding() {
    let directory = TempDir::new().expect("a directory");
    fs::write(directory.path().join("manifest.json"), "{}").expect("written");
    let report = directory.path().join("verdict.json");
    let path = shown(directory.path());
    let text = errors(&["--verify", &path, "--json", &shown(&report)], 1);
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
fn a_manifest_must_have_each_driver_and_every_file() {
    let directory = TempDir::new().expect("a directory");
    let manifest = r#"{"source": {"version": "1", "revision": "0", "committed": 0,
        "date": "01/01/1970", "clean": true}, "tools": {}, "files": {}}"#;
    fs::write(directory.path().join("manifest.json"), manifest).expect("written");
    fs::write(directory.path().join("stranger.sys"), "").expect("written");
    let text = errors(&["--verify", &shown(directory.path())], 1);
    for line in [
        "stranger.sys: it is not in the manifest",
        "provider.sys: it is missing in the manifest",
        "client_wdf.inf: it is missing in the manifest",
        "NmrPairTest.cer: it is missing in the manifest",
    ] {
        assert!(text.contains(line), "{text}");
    }
}
