// SPDX-License-Identifier: MIT OR Apache-2.0

//! The lines that this program prints.

use std::io::{self, Write};

use channel::watch::{Call, Record};
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
    side: &'static str,
    call: String,
    /// With which status it ended, if it has.
    ended: Option<i32>,
    /// 0 where none is known.
    registration: u64,
    /// 0 where the call concerns none.
    binding: u64,
}

impl Event {
    pub(crate) fn new(cycle: u64, record: &Record) -> Self {
        Self {
            cycle,
            side: match record.side {
                0 => "Client",
                _ => "Provider",
            },
            call: match Call::from_number(record.call) {
                Some(call) => format!("{call:?}"),
                None => format!("call {}", record.call),
            },
            ended: (record.ended == 1).then_some(record.status),
            registration: record.registration,
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
