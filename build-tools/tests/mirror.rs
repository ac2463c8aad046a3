// SPDX-License-Identifier: MIT OR Apache-2.0

//! The two drivers mirror each other. What they have in common word for word
//! stays so: a correction that reaches only one of them is a mistake.

use std::fs;

/// A driver's `thread.rs` without the page's head, which names the other one.
fn threads(driver: &str) -> String {
    let path = format!("{}/../{driver}/src/thread.rs", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let code: Vec<_> = text
        .lines()
        .filter(|line| !line.starts_with("//!"))
        .collect();
    assert!(!code.is_empty(), "{path} is empty");
    code.join("\n")
}

#[test]
fn the_drivers_have_the_same_threads_and_events() {
    assert_eq!(threads("provider"), threads("client"));
}
