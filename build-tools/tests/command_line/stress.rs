// SPDX-License-Identifier: MIT OR Apache-2.0

//! Misuse of `stress`: one line and status 2, before anything is built or run.

use std::fs;

use crate::xtask;

/// The line with which `stress` refuses `arguments`.
fn refusal(arguments: &[&str]) -> String {
    xtask::refusal(&[&["stress"], arguments].concat())
}

#[test]
fn runs_of_nothing_are_refused() {
    for (arguments, named) in [
        (["--cycles", "0"], "--cycles 0"),
        (["--jobs", "0"], "--jobs 0"),
        (["--first", "18446744073709551615"], "--first"),
    ] {
        let text = refusal(&arguments);
        assert!(text.contains(named), "{text}");
    }
}

#[test]
fn unknown_options_are_refused() {
    assert!(refusal(&["--cycels", "5"]).contains("--cycels"));
    assert!(refusal(&["--seed", "seven"]).contains("seven"));
}

#[test]
fn an_impossible_code_to_ignore_is_refused() {
    let text = refusal(&["--ignore", "BOGUS"]);
    assert!(text.contains("`BOGUS` is no code of a finding"), "{text}");
    assert!(text.contains("R1 to R38, WSK1 to WSK13"), "{text}");
}

#[test]
fn a_missing_driver_is_refused() {
    let text = refusal(&["--provider", "missing.sys"]);
    assert!(text.contains("missing.sys cannot be read"), "{text}");
}

#[test]
fn wrong_values_are_refused_before_anything_is_built() {
    for (option, value, named) in [
        ("--strategy", "fair", "`fair` is no strategy"),
        ("--strategy", "", "`` is no strategy"),
        ("--faults", "disk:1", "`disk:1` names no faults"),
        ("--knobs", "DetachOrder:9", "'DetachOrder:9'"),
        ("--knobs", "", "it has an empty part"),
        ("--cycles", "-1", "'-1' for '--cycles"),
        ("--seed", "-1", "'-1' for '--seed"),
        ("--list", "--verbose", "--list"),
    ] {
        let text = refusal(&[option, value]);
        assert!(text.contains(named), "{text}");
    }
    let own = env!("CARGO_MANIFEST_PATH");
    for option in ["--client", "--provider", "--driver"] {
        let text = refusal(&[option, own]);
        assert!(text.contains("Cargo.toml is not a PE image"), "{text}");
        assert_eq!(text.matches("is not a PE image").count(), 1, "{text}");
    }
}

#[test]
fn an_unwritable_report_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    for path in [
        directory.path().join("missing/report.json"),
        directory.path().to_path_buf(),
    ] {
        let path = path.display().to_string();
        for option in ["--json", "--html", "--junit", "--sarif"] {
            let text = refusal(&[option, &path]);
            assert!(text.contains(&format!("{option} {path}")), "{text}");
            assert!(text.contains("name a file"), "{text}");
        }
    }
    let left = fs::read_dir(directory.path()).expect("read").count();
    assert_eq!(left, 0);
}
