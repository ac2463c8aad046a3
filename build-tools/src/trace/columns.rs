// SPDX-License-Identifier: MIT OR Apache-2.0

//! A short trace as text: a column for each thread, calls nested by indentation.

mod entries;
mod placement;

use std::iter;

use scenarios::TraceEvent;
use textwrap::{Options, wrap};

use entries::{Entry, entries};
use placement::Placement;

/// The width of the column of times, with the space behind it.
const TIME: usize = 10;
/// The indentation of what is within a call.
const INDENT: usize = 2;

/// The events of a cycle in columns that fit `width`.
pub(super) fn text(events: &[TraceEvent], width: usize) -> String {
    let entries = entries(events);
    let placement = Placement::of(&entries, width - TIME);
    let mut lines = head(&placement);
    for (index, entry) in entries.iter().enumerate() {
        let column = placement.column_of(entry.thread);
        if let Some(name) = placement.moves_in(index) {
            lines.extend(cell("", &format!("[{name}]"), 0, column, placement.width));
        }
        let indent = (entry.depth * INDENT).min(placement.width / 2);
        lines.extend(cell(
            &time(entry),
            &entry.text,
            indent,
            column,
            placement.width,
        ));
    }
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

/// The names of the columns, and a rule below them.
fn head(placement: &Placement) -> Vec<String> {
    let width = placement.width;
    let time = format!("{:>before$}", "us", before = TIME - 1);
    let names = placement.names.iter().map(|name| {
        let name: String = name.chars().take(width).collect();
        format!("{name:<width$}")
    });
    let names: Vec<_> = iter::once(time).chain(names).collect();
    let rules = iter::once(TIME - 1).chain(placement.names.iter().map(|_| width));
    let rules: Vec<_> = rules.map(|width| "-".repeat(width)).collect();
    vec![names.join(" ").trim_end().to_owned(), rules.join(" ")]
}

/// The lines of a cell, which are wrapped to the width of its column.
fn cell(time: &str, text: &str, indent: usize, column: usize, width: usize) -> Vec<String> {
    let before = TIME + column * (width + 1);
    let first = " ".repeat(indent);
    let more = " ".repeat(indent + INDENT);
    let options = Options::new(width)
        .initial_indent(&first)
        .subsequent_indent(&more);
    let lines = wrap(text, options);
    let lines = lines.iter().enumerate().map(|(line, text)| {
        let time = if line == 0 { time } else { "" };
        let time = format!("{time:>width$}", width = TIME - 1);
        format!("{time:<before$}{text}").trim_end().to_owned()
    });
    lines.collect()
}

fn time(entry: &Entry) -> String {
    format!("{}.{}", entry.time / 1000, entry.time % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use scenarios::TraceKind;

    use super::super::samples::{self, Events};
    use super::*;

    fn lines(width: usize) -> Vec<String> {
        let text = text(&samples::failing(), width);
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn each_thread_has_a_column() {
        let lines = lines(160);
        for name in ["script", "load provider", "load client", "client.sys!3"] {
            let at = lines[0].find(name).expect("a column");
            assert!(lines[1][at..].starts_with('-'), "{lines:#?}");
            assert_eq!(&lines[1][at - 1..at], " ");
        }
        let at = lines[0].find("client.sys!3").expect("a column");
        let submit = lines.iter().find(|line| line.contains("submit"));
        assert_eq!(submit.expect("the call").find("submit"), Some(at));
    }

    #[test]
    fn no_line_is_too_wide() {
        for width in [80, 100, 160] {
            let lines = lines(width);
            assert!(lines.iter().all(|line| line.len() <= width), "{lines:#?}");
        }
    }

    #[test]
    fn what_happens_within_a_call_is_indented() {
        let lines = lines(160);
        let column = |text: &str| {
            let line = lines.iter().find(|line| line.contains(text));
            line.expect(text).find(text).expect("in its line")
        };
        assert_eq!(
            column("NmrRegisterClient"),
            column("DriverEntry of client") + 2
        );
        assert_eq!(
            column("ClientAttachProvider"),
            column("NmrRegisterClient") + 2
        );
        assert_eq!(column("KeSetEvent"), column("submit of binding 1") + 2);
    }

    #[test]
    fn a_wait_has_nothing_within_it() {
        let wait = || TraceKind::Wait {
            on: "time".to_owned(),
        };
        let mut events = Events::default();
        events.add(0, wait()).add(0, TraceKind::Wake).add(0, wait());
        let text = text(&events.0, 80);
        let places: Vec<_> = text.lines().filter_map(|line| line.find("waits")).collect();
        assert_eq!(places, [TIME; 2], "{text}");
    }

    #[test]
    fn calls_that_return_at_once_have_their_result_in_the_same_line() {
        let text = lines(240).join("\n");
        assert!(text.contains("KeSetEvent = 0x0 (client.c:10)"), "{text}");
        assert!(text.contains("submit of binding 1 returns 0x103"), "{text}");
        assert!(text.contains("FINDING R28 (client.c:32)"), "{text}");
    }
}
