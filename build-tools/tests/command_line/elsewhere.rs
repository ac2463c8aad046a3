// SPDX-License-Identifier: MIT OR Apache-2.0

//! The installed program, in other workspaces and without one.

mod new;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Runs the program as `cargo nmr` in `directory`.
fn nmr(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cargo-nmr"))
        .arg("nmr")
        .args(arguments)
        .current_dir(directory)
        .env_remove("RUSTFLAGS")
        .output()
        .expect("the program starts")
}

/// The lines of an output.
fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    text.lines().map(str::to_owned).collect()
}

/// The one line with which the program refuses `arguments`.
fn refusal(directory: &Path, arguments: &[&str]) -> String {
    let output = nmr(directory, arguments);
    let errors = lines(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors:?}");
    assert_eq!(lines(&output.stdout), [""; 0], "{arguments:?}");
    assert_eq!(errors.len(), 1, "{arguments:?}: {errors:?}");
    errors[0].clone()
}

#[test]
fn it_speaks_of_itself_as_it_is_called() {
    let here = tempfile::tempdir().expect("a directory");
    let help = |arguments: &[&str]| {
        let output = nmr(here.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        lines(&output.stdout).join("\n")
    };
    let list = help(&["--help"]);
    assert!(list.contains("Usage: cargo nmr"), "{list}");
    for hidden in ["zoo", "lint", "package"] {
        assert!(!list.contains(&format!("\n  {hidden}  ")), "{list}");
    }
    for command in [
        "build",
        "describe",
        "explain",
        "replay",
        "stress",
        "completions",
        "man",
    ] {
        let text = help(&[command, "--help"]);
        assert!(text.contains("cargo nmr"), "{text}");
        assert!(!text.contains("xtask"), "{text}");
    }
    for name in ["R19", "0xC4", "DetachOrder", "races", "deadlock"] {
        let text = help(&["explain", name]);
        assert!(!text.contains("xtask"), "{text}");
    }
    assert!(help(&["completions", "bash"]).contains("complete -F _nmr"));
    let unknown = refusal(here.path(), &["explain", "nothing-of-this-name"]);
    assert!(unknown.contains("`cargo nmr explain`"), "{unknown}");
}

#[test]
fn a_command_that_needs_a_clone_says_so() {
    let here = tempfile::tempdir().expect("a directory");
    for arguments in [
        &["zoo"][..],
        &["lint"],
        &["test"],
        &["package"],
        &["vm", "list"],
        &["stress", "--on", "wine"],
        &["replay", "seed=1,cycle=0,client=zoo:missing_wait"],
    ] {
        let text = refusal(here.path(), arguments);
        assert!(text.contains("clone of this project"), "{text}");
    }
    for (arguments, remedy) in [
        (&["stress"][..], "--driver FILE"),
        (&["replay", "seed=1,cycle=0"], "driver=FILE"),
        (&["build"], "workspace with drivers"),
        (
            &["build", "--manifest-path", "missing/Cargo.toml"],
            "name a Cargo.toml",
        ),
    ] {
        let text = refusal(here.path(), arguments);
        assert!(text.contains(remedy), "{text}");
    }
    assert_eq!(fs::read_dir(here.path()).expect("read").count(), 0);
}

/// A driver's package in a workspace of its own, complete.
const COMPLETE: [(&str, &str); 4] = [
    (
        "Cargo.toml",
        "[package]\nname = \"mine\"\nedition = \"2024\"\n\
         [package.metadata.wdk.driver-model]\ndriver-type = \"WDM\"\n\
         [lib]\ncrate-type = [\"cdylib\"]\n\
         [dependencies]\nwdk-panic = \"0.5\"\n\
         [build-dependencies]\nwdk-build = \"0.6\"\n\
         [profile.release]\npanic = \"abort\"\n",
    ),
    ("build.rs", "fn main() {}\n"),
    ("src/lib.rs", ""),
    (
        ".cargo/config.toml",
        "[build]\nrustflags = [\"-Ctarget-feature=+crt-static\"]\n",
    ),
];

/// The lines with which the program refuses to build the package without `left_out`, which
/// is a file or a text of the manifest.
fn complaints(left_out: &str, instead: &str) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in COMPLETE.into_iter().filter(|(name, _)| *name != left_out) {
        let file = directory.path().join(name);
        fs::create_dir_all(file.parent().expect("it is in the directory")).expect("made");
        fs::write(file, text.replace(left_out, instead)).expect("written");
    }
    let output = nmr(directory.path(), &["build"]);
    let errors = lines(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{left_out}: {errors:?}");
    assert!(!directory.path().join("target").exists(), "{left_out}");
    assert!(!directory.path().join("Cargo.lock").exists(), "{left_out}");
    errors
}

#[test]
fn each_missing_setting_is_named_with_its_file_before_anything_is_compiled() {
    for (left_out, instead, file, line) in [
        (
            "build.rs",
            "",
            "build.rs",
            "wdk_build::configure_wdk_binary_build()",
        ),
        (
            ".cargo/config.toml",
            "",
            ".cargo/config.toml",
            "rustflags = [\"-Ctarget-feature=+crt-static\"]",
        ),
        (
            "driver-type = \"WDM\"\n",
            "",
            "Cargo.toml",
            "driver-type = \"WDM\"",
        ),
        (
            "driver-type = \"WDM\"",
            "driver-type = \"KMDF\"",
            "Cargo.toml",
            "needs the headers of a WDK",
        ),
        (
            "crate-type = [\"cdylib\"]",
            "",
            "Cargo.toml",
            "crate-type = [\"cdylib\"]",
        ),
        (
            "wdk-build = \"0.6\"",
            "",
            "Cargo.toml",
            "wdk-build = \"0.6\"",
        ),
        ("panic = \"abort\"", "", "Cargo.toml", "panic = \"abort\""),
    ] {
        let complaints = complaints(left_out, instead);
        let [complaint] = &complaints[..] else {
            panic!("{left_out}: {complaints:?}");
        };
        let start = format!("error: {file}: ");
        assert!(complaint.starts_with(&start), "{complaint}");
        assert!(complaint.contains(line), "{complaint}");
    }
}
