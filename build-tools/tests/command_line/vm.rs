// SPDX-License-Identifier: MIT OR Apache-2.0

//! Misuse of `vm` and `stress --on vm`: the error is named in one line, and nothing is
//! booted. `cargo xtask test vm` boots machines.

use std::fs;

use tempfile::TempDir;

use crate::xtask::{output, refusal};

/// A file of guests that contains `text`.
fn guests(text: &str) -> (TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("vm.toml");
    fs::write(&file, text).expect("written");
    let file = file.display().to_string();
    (directory, file)
}

#[test]
fn guests_are_listed_with_their_places() {
    let (_directory, file) = guests(
        "[guest.lab]\nprofile = 'windows'\nssh = { host = 'lab-7' }\n\
         [guest.win11]\nprofile = 'windows'\ndisk = 'win11.qcow2'\n",
    );
    let text = output(&["vm", "list", "--guests", &file]);
    for words in ["lab ", "ssh lab-7", "win11.qcow2", "rehearsal"] {
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn errors_in_descriptions_of_guests_are_named() {
    let (_directory, file) = guests("[guest.a]\nprofile = 'windows'\n");
    let text = refusal(&["vm", "list", "--guests", &file]);
    assert!(text.contains("guest a") && text.contains("disk"), "{text}");

    let text = refusal(&["vm", "list", "--guests", "nowhere.toml"]);
    assert!(text.contains("--guests nowhere.toml"), "{text}");
    let text = refusal(&["vm", "create", "win11"]);
    assert!(
        text.contains("rehearsal") && text.contains("vm.toml"),
        "{text}"
    );
}

#[test]
fn an_unknown_guest_is_refused() {
    let text = refusal(&["stress", "--on", "vm:nobody", "--cycles", "1"]);
    assert!(
        text.contains("nobody") && text.contains("rehearsal"),
        "{text}"
    );
    let text = refusal(&["vm", "run", "nobody", "--", "true"]);
    assert!(text.contains("nobody"), "{text}");
    let (_directory, file) = guests("[guest.a]\nprofile = 'windows'\ndisk = 'nowhere.qcow2'\n");
    let text = refusal(&[
        "stress",
        "--on",
        "vm:a",
        "--guests",
        &file,
        "--strategy",
        "pct",
    ]);
    assert!(text.contains("--strategy"), "{text}");
}

#[test]
fn options_for_another_place_are_refusal() {
    for (arguments, named) in [
        (&["stress", "--on", "virtual"][..], "vm:NAME"),
        (&["stress", "--repeat", "2"], "--repeat"),
        (&["stress", "--on", "vm", "--repeat", "0"], "--repeat"),
        (&["stress", "--on", "vm", "--jobs", "2"], "--jobs"),
        (&["stress", "--on", "vm", "--faults", "random"], "--faults"),
        (&["zoo", "--on", "vm", "thread_left"], "stress --on vm"),
    ] {
        let text = refusal(arguments);
        assert!(text.contains(named), "{text}");
    }
}
