// SPDX-License-Identifier: MIT OR Apache-2.0

//! A build by cargo as a user sees it: nothing if there is nothing to do, otherwise that it
//! goes on, and what the compiler says.

use std::process::Command;

use anyhow::{Result, ensure};
use child::interrupt::interrupted;
use console::strip_ansi_codes;

use super::unused_patch;
use crate::terminal::{Waiting, print_progress};

/// A build.
pub(super) struct Work {
    /// What is built, with its article.
    pub(super) what: &'static str,
    /// The time that it takes on two processors if nothing has been built before.
    pub(super) minutes: u32,
    /// `true` if nothing has been built before.
    pub(super) is_first: bool,
}

impl Work {
    /// Runs `cargo` and prints its errors and warnings. Returns `true` if it succeeded. A
    /// signal is an error: it begins no build, and one that it has ended is not wrong.
    pub(super) fn succeeds(&self, cargo: &mut Command) -> Result<bool> {
        const ENDED: &str = "a signal has ended the build";
        let Self { what, minutes, .. } = self;
        ensure!(!interrupted(), ENDED);
        if self.is_first {
            print_progress(format!(
                "building {what}: about {minutes} minutes the first time"
            ));
        }
        let building = format!("building {what}");
        // A signal that comes with cargo's first step finds this one named.
        let waiting = Waiting::on(&building);
        let succeeded = unused_patch::run(cargo, |line| {
            match status_of(&strip_ansi_codes(&String::from_utf8_lossy(line))) {
                Some("Blocking") => waiting.now_on("waiting for another cargo to end"),
                Some(_) => waiting.now_on(&building),
                None => waiting.print_error(line),
            }
        })?;
        ensure!(!interrupted(), ENDED);
        Ok(succeeded)
    }
}

/// The verb of a line that says what cargo does: `   Compiling nmr v0.1.0`. It ends in the
/// twelfth column.
fn status_of(line: &str) -> Option<&str> {
    let (verb, rest) = line.split_at_checked(12)?;
    let verb = verb.trim_start();
    let is_verb = rest.starts_with(' ')
        && verb.starts_with(|first: char| first.is_ascii_uppercase())
        && verb.chars().all(|letter| letter.is_ascii_alphabetic());
    is_verb.then_some(verb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_compiler_says_is_printed() {
        for (line, verb) in [
            ("   Compiling core v0.0.0 (/x)", "Compiling"),
            (
                "    Finished `release` profile [optimized] target(s)",
                "Finished",
            ),
            ("  Downloaded clap v4.6.0", "Downloaded"),
            ("    Blocking waiting for file lock", "Blocking"),
        ] {
            assert_eq!(status_of(line), Some(verb), "{line}");
        }
        for line in [
            "warning: unused variable: `x`",
            "error[E0425]: cannot find value",
            "   --> provider/src/lib.rs:3:5",
            "",
        ] {
            assert_eq!(status_of(line), None, "{line}");
        }
    }
}
