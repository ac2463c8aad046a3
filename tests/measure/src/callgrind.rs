// SPDX-License-Identifier: MIT OR Apache-2.0

//! Instructions: this program again, under valgrind's callgrind, with one case and two
//! numbers of repetitions. The difference is what the repetitions executed.

use std::env;
use std::process::Command;

use crate::Case;

const CASE: &str = "--case";
/// Repetitions of the shorter run; the longer one has twice as many.
const TIMES: u32 = 200;

/// The case and number of repetitions that a run for callgrind is asked for.
pub(crate) fn asked(words: &[String]) -> Option<(&str, u32)> {
    let [case, name, times, ..] = words else {
        return None;
    };
    (case == CASE).then_some(())?;
    Some((name, times.parse().ok()?))
}

/// The instructions of one operation of a case, if valgrind is there.
pub(crate) fn instructions(case: &Case<'_>) -> Option<f64> {
    let times = TIMES.min(case.round);
    let shorter = collected(&case.name, times)?;
    let longer = collected(&case.name, times * 2)?;
    let operations = f64::from(times) * f64::from(case.operations);
    Some((longer - shorter) / operations)
}

/// The instructions of a run of this program.
fn collected(name: &str, times: u32) -> Option<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().ok()?)
        .args([CASE, name, &times.to_string()])
        .output()
        .ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let (_, number) = text.rsplit_once("Collected :")?;
    number.split_whitespace().next()?.parse().ok()
}
