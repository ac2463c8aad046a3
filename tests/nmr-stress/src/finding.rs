// SPDX-License-Identifier: MIT OR Apache-2.0

//! What this program can find by itself.

use scenarios::Finding;

/// A finding that names no place: only the kernel knows one.
pub(crate) fn finding(code: &str, what: String, driver: &str, seed: u64, cycle: u64) -> Finding {
    Finding {
        code: code.to_owned(),
        what,
        driver: driver.to_owned(),
        instance: 1,
        offset: None,
        place: None,
        cycle,
        seed,
        thread: String::new(),
        stack: Vec::new(),
        history: Vec::new(),
        count: 1,
    }
}
