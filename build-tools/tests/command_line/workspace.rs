// SPDX-License-Identifier: MIT OR Apache-2.0

//! The program works on the workspace in which it runs, wherever it was built.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The error with which `vm list` ends in `directory`.
fn refusal_in(directory: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-nmr"))
        .args(["xtask", "vm", "list"])
        .current_dir(directory)
        .env_remove("CARGO_MANIFEST_DIR")
        .output()
        .expect("the program starts");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

/// Makes a workspace of empty packages in `directory`.
fn make_workspace(directory: &Path, packages: &[&str]) {
    let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = {packages:?}\n");
    fs::write(directory.join("Cargo.toml"), manifest).expect("written");
    for package in packages {
        let source = directory.join(package).join("src");
        fs::create_dir_all(&source).expect("made");
        fs::write(source.join("lib.rs"), "").expect("written");
        let manifest = format!("[package]\nname = \"{package}\"\nedition = \"2024\"\n");
        fs::write(directory.join(package).join("Cargo.toml"), manifest).expect("written");
    }
}

#[test]
fn a_copy_of_the_workspace_is_used_where_it_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let drivers = ["provider", "client", "provider-wdf", "client-wdf"];
    make_workspace(directory.path(), &drivers);
    fs::write(directory.path().join("vm.toml"), "guest = 7\n").expect("written");
    let inside = directory.path().join("client").join("src");
    for place in [directory.path(), &inside] {
        let text = refusal_in(place);
        assert!(text.contains("vm.toml"), "{text}");
    }
}

#[test]
fn another_workspace_and_none_are_refused_in_one_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = refusal_in(directory.path());
    assert!(text.contains("there is no workspace here"), "{text}");
    make_workspace(directory.path(), &["somebody-elses"]);
    let text = refusal_in(directory.path());
    assert!(text.contains("is another workspace"), "{text}");
    assert!(text.contains("run this command in a clone"), "{text}");
}
