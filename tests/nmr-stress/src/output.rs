// SPDX-License-Identifier: MIT OR Apache-2.0

//! The lines that this program prints.

use std::io::{self, Write};

use channel::watch::Record;
use scenarios::Report;
use serde::Serialize;

/// A line of output.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line<'a> {
    /// How many cycles are done.
    Progress(u64),
    /// What happened in the registrar.
    Event(Event),
    /// The last line.
    Report(&'a Report),
}

/// Something that happened in the registrar.
#[derive(Debug, Serialize)]
pub(crate) struct Event {
    cycle: u64,
    side: u8,
    call: u8,
    ended: bool,
    status: i32,
    binding: u64,
}

impl Event {
    pub(crate) const fn new(cycle: u64, record: &Record) -> Self {
        Self {
            cycle,
            side: record.side,
            call: record.call,
            ended: record.ended == 1,
            status: record.status,
            binding: record.binding,
        }
    }
}

pub(crate) fn tell(line: &Line<'_>) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&text)?;
    out.flush()
}
