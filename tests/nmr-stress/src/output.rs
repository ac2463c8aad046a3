// SPDX-License-Identifier: MIT OR Apache-2.0

//! Prints lines in JSON.

use std::io;

use channel::events::{Call, Record};
use scenarios::{Event, Line, write_line};

/// An event of the registrar in a cycle.
pub(crate) fn event(cycle: u64, record: &Record) -> Event {
    let side = match record.side {
        0 => "Client",
        _ => "Provider",
    };
    Event {
        cycle,
        side: side.to_owned(),
        call: match Call::from_number(record.call) {
            Some(call) => format!("{call:?}"),
            None => format!("call {}", record.call),
        },
        ended: (record.ended == 1).then_some(record.status),
        registration: record.registration,
        binding: record.binding,
    }
}

/// Prints a line.
pub(crate) fn print(line: &Line) -> io::Result<()> {
    write_line(&mut io::stdout().lock(), line)
}
