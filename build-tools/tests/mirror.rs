// SPDX-License-Identifier: MIT OR Apache-2.0

//! The two drivers mirror each other: files that are equal word for word stay equal. A
//! correction in only one of them is a mistake.

use std::fs;

/// The source of a driver's `file` without its module doc, which names the driver.
fn code(driver: &str, file: &str) -> String {
    let path = format!("{}/../{driver}/src/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let code: Vec<_> = text
        .lines()
        .filter(|line| !line.starts_with("//!"))
        .collect();
    assert!(!code.is_empty(), "{path} is empty");
    code.join("\n")
}

#[test]
fn the_drivers_have_the_same_threads_events_devices_and_names() {
    for file in ["thread.rs", "device.rs", "wdf/device.rs", "name.rs"] {
        assert_eq!(code("provider", file), code("client", file), "{file}");
    }
}
