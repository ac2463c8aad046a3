// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask vm` and `stress --on vm`, used wrongly: what is wrong is named in
//! one line, and nothing is booted. `cargo xtask test vm` uses them rightly.

use std::fs;
use std::process::{Command, Output};

use tempfile::TempDir;

fn xtask(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(arguments)
        .output()
        .expect("the program starts")
}

/// The one line with which `arguments` are refused.
fn refused(arguments: &[&str]) -> String {
    let output = xtask(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.starts_with("error: "), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

/// A file of guests with `text` in it.
fn guests(text: &str) -> (TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("vm.toml");
    fs::write(&file, text).expect("written");
    let file = file.display().to_string();
    (directory, file)
}

#[test]
fn guests_are_listed_with_where_they_are() {
    let (_directory, file) = guests(
        "[guest.lab]\nprofile = 'windows'\nssh = { host = 'lab-7' }\n\
         [guest.win11]\nprofile = 'windows'\ndisk = 'win11.qcow2'\n",
    );
    let output = xtask(&["vm", "list", "--guests", &file]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for words in ["lab ", "ssh lab-7", "win11.qcow2", "rehearsal"] {
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn what_is_wrong_with_guests_is_named() {
    let (_directory, file) = guests("[guest.a]\nprofile = 'windows'\n");
    let told = refused(&["vm", "list", "--guests", &file]);
    assert!(told.contains("guest a") && told.contains("disk"), "{told}");

    let told = refused(&["vm", "list", "--guests", "nowhere.toml"]);
    assert!(told.contains("--guests nowhere.toml"), "{told}");
    let told = refused(&["vm", "create", "win11"]);
    assert!(
        told.contains("rehearsal") && told.contains("vm.toml"),
        "{told}"
    );
}

#[test]
fn a_guest_that_is_not_there_is_not_booted() {
    let told = refused(&["stress", "--on", "vm:nobody", "--cycles", "1"]);
    assert!(
        told.contains("nobody") && told.contains("rehearsal"),
        "{told}"
    );
    let told = refused(&["vm", "run", "nobody", "--", "true"]);
    assert!(told.contains("nobody"), "{told}");
    let (_directory, file) = guests("[guest.a]\nprofile = 'windows'\ndisk = 'nowhere.qcow2'\n");
    let told = refused(&[
        "stress",
        "--on",
        "vm:a",
        "--guests",
        &file,
        "--strategy",
        "pct",
    ]);
    assert!(told.contains("--strategy"), "{told}");
}

#[test]
fn options_for_another_place_are_refused() {
    for (arguments, named) in [
        (&["stress", "--on", "virtual"][..], "vm:NAME"),
        (&["stress", "--repeat", "2"], "--repeat"),
        (&["stress", "--on", "vm", "--repeat", "0"], "--repeat"),
        (&["stress", "--on", "vm", "--jobs", "2"], "--jobs"),
        (&["stress", "--on", "vm", "--faults", "random"], "--faults"),
        (&["zoo", "--on", "vm", "thread_left"], "stress --on vm"),
    ] {
        let told = refused(arguments);
        assert!(told.contains(named), "{told}");
    }
}
