// SPDX-License-Identifier: MIT OR Apache-2.0

//! What cannot be run is refused in one line, with status 2.

use std::fs;
use std::path::Path;

use scenarios::Role;

use crate::fixture::Workshop;
use crate::program::sim;

/// The line with which a client is refused.
fn refusal(workshop: &Workshop, client: &Path) -> String {
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let run = sim(&provider, client, &["--seed", "1", "--cycles", "1"]);
    assert_eq!(run.status, Some(2), "{}", run.err);
    assert_eq!(run.out, "");
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
    let shown = client.display().to_string();
    assert!(
        run.err.starts_with(&format!("error: {shown}")),
        "{}",
        run.err
    );
    run.err
}

#[test]
fn images_that_no_kernel_would_map() {
    let workshop = Workshop::new();
    let good = fs::read(workshop.module("good.sys", Role::Client, &[])).expect("built");
    let nt = good[0x3C] as usize;
    let with = |at: usize, value: [u8; 2]| {
        let mut bytes = good.clone();
        bytes[at..at + 2].copy_from_slice(&value);
        bytes
    };
    let cases = [
        ("empty.sys", Vec::new(), "is empty"),
        (
            "text.sys",
            b"not an image at all".to_vec(),
            "not a PE image",
        ),
        (
            "truncated.sys",
            good[..good.len() / 2].to_vec(),
            "truncated",
        ),
        ("32-bit.sys", with(nt + 4, [0x4C, 0x01]), "32-bit"),
        ("arm.sys", with(nt + 4, [0x64, 0xAA]), "0xaa64"),
        ("program.sys", with(nt + 24 + 68, [3, 0]), "subsystem 3"),
    ];
    for (name, bytes, says) in cases {
        let path = workshop.path(name);
        fs::write(&path, bytes).expect("written");
        let refusal = refusal(&workshop, &path);
        assert!(refusal.contains(says), "{name}: {refusal}");
    }
    let missing = refusal(&workshop, &workshop.path("missing.sys"));
    assert!(missing.contains("cannot be read"), "{missing}");
}

#[test]
fn wrong_arguments() {
    let workshop = Workshop::new();
    let [provider, client] = [("p.sys", Role::Provider), ("c.sys", Role::Client)]
        .map(|(name, role)| workshop.module(name, role, &[]));
    for arguments in [
        &["--seed", "1", "--cycles", "0"][..],
        &["--seed", "1"],
        &["--seed", "1", "--cycles", "1", "--bogus"],
        &[
            "--seed",
            "1",
            "--first",
            "18446744073709551615",
            "--cycles",
            "2",
        ],
    ] {
        let run = sim(&provider, &client, arguments);
        assert_eq!(run.status, Some(2), "{arguments:?}: {}", run.err);
        assert!(run.err.starts_with("error: "), "{arguments:?}: {}", run.err);
    }
}
