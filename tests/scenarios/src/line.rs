// SPDX-License-Identifier: MIT OR Apache-2.0

//! The JSON lines of a program that runs cycles on its own kernel.

use std::io::{self, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::report::Report;

/// The interval between lines that say how many cycles are done.
pub const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Writes a line of output and flushes it.
///
/// # Errors
///
/// `out` cannot be written.
pub fn write_line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    out.write_all(&text)?;
    out.flush()
}

/// A line of its output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The number of cycles that are done.
    Progress(u64),
    /// What happened in the registrar, if that was asked for.
    Event(Event),
    /// The last line.
    Report(Box<Report>),
}

/// Something that happened in the registrar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// In which cycle.
    pub cycle: u64,
    /// Whose module: `Client` or `Provider`.
    pub side: String,
    /// The function or callback.
    pub call: String,
    /// With which status it ended, if it has.
    pub ended: Option<i32>,
    /// 0 where none is known.
    pub registration: u64,
    /// 0 where the call concerns none.
    pub binding: u64,
}
