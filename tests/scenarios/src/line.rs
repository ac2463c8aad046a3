// SPDX-License-Identifier: MIT OR Apache-2.0

//! The JSON lines that a program prints which runs cycles on its own kernel.

use serde::{Deserialize, Serialize};

use crate::report::Report;

/// A line of its output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// How many of its cycles are done.
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
