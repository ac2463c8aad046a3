// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the columns show of the events: a call that returns at once is one entry.

use std::path::Path;

use scenarios::{CodePlace, Place, TraceEvent, TraceKind};

use crate::trace::slices::{Edge, Slice, Stacks, edge};

/// An entry of a column.
#[derive(Debug)]
pub(super) struct Entry {
    /// In nanoseconds.
    pub(super) time: u64,
    pub(super) thread: u64,
    pub(super) thread_name: String,
    /// The number of calls that it is within.
    pub(super) depth: usize,
    pub(super) text: String,
}

/// The entries of all columns, in order.
pub(super) fn entries(events: &[TraceEvent]) -> Vec<Entry> {
    let shown: Vec<_> = events.iter().filter(|it| is_shown(&it.kind)).collect();
    let mut entries = Vec::new();
    let mut open = Stacks::default();
    let mut index = 0;
    while let Some(event) = shown.get(index) {
        let mut text = describe(&event.kind);
        let mut depth = open.of(event.thread).len();
        index += 1;
        match edge(&event.kind) {
            // Nothing is within a wait, and its end has no entry.
            Edge::Begin(Slice::Wait) | Edge::EndOfThread | Edge::Neither => {}
            Edge::Begin(slice) => {
                let next = shown.get(index).filter(|next| {
                    next.thread == event.thread && edge(&next.kind) == Edge::End(slice.clone())
                });
                if let Some(next) = next {
                    text.name +=
                        &result(&next.kind).map_or_else(String::new, |it| format!(" = {it}"));
                    index += 1;
                } else {
                    open.begin(event.thread, slice, ());
                }
            }
            Edge::End(slice) => {
                open.end(event.thread, &slice);
                depth = open.of(event.thread).len();
                if let Some(result) = result(&event.kind) {
                    text.name = format!("{} returns {result}", text.name);
                }
            }
        }
        entries.push(Entry {
            time: event.time,
            thread: event.thread,
            thread_name: event.thread_name.clone(),
            depth,
            text: text.to_string(),
        });
    }
    entries
}

/// Returns `true` if an event has an entry. NMR's functions have one as calls.
const fn is_shown(kind: &TraceKind) -> bool {
    match kind {
        TraceKind::Nmr(moment) => moment.call.is_callback(),
        TraceKind::Transition { .. } | TraceKind::Wake | TraceKind::Frame(_) => false,
        _ => true,
    }
}

/// What an entry says, and the line of the source.
struct Description {
    name: String,
    line: Option<String>,
}

impl std::fmt::Display for Description {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        match &self.line {
            Some(line) => write!(f, " ({line})"),
            None => Ok(()),
        }
    }
}

fn describe(kind: &TraceKind) -> Description {
    let line = match kind {
        TraceKind::Call { caller, .. } => place(caller.as_ref()),
        TraceKind::Nmr(moment) if moment.status.is_none() => place(moment.place.as_ref()),
        TraceKind::Finding(finding) | TraceKind::Note(finding) => finding.place.as_ref(),
        TraceKind::Unsupported(unsupported) => unsupported.place.as_ref(),
        _ => None,
    };
    let name = match kind {
        TraceKind::Call { callee, .. } | TraceKind::Return { callee, .. } => callee.clone(),
        TraceKind::Nmr(moment) => {
            let name = moment.call.function(moment.side);
            match moment.binding {
                Some(binding) => format!("{name} of binding {binding}"),
                None => name.to_owned(),
            }
        }
        TraceKind::Entry { image, .. } => format!("DriverEntry of {image}"),
        TraceKind::EntryReturned { service, .. } => format!("DriverEntry of {service}"),
        TraceKind::Unload { image, .. } => format!("DriverUnload of {image}"),
        TraceKind::UnloadReturned { service } => format!("DriverUnload of {service} returns"),
        TraceKind::Unmapped { image, .. } => format!("{image} is unmapped"),
        TraceKind::ThreadEnd => "the thread ends".to_owned(),
        TraceKind::Finding(finding) => format!("FINDING {}", finding.code),
        TraceKind::Note(note) => format!("NOTE {}", note.code),
        TraceKind::Unsupported(_) => "UNSUPPORTED".to_owned(),
        _ => kind.to_string(),
    };
    Description {
        name,
        line: line.and_then(source_line),
    }
}

fn place(code: Option<&CodePlace>) -> Option<&Place> {
    code?.place.as_ref()
}

/// `client.c:12`.
fn source_line(place: &Place) -> Option<String> {
    let file = Path::new(place.file.as_ref()?).file_name()?;
    let file = file.to_string_lossy();
    Some(match place.line {
        Some(line) => format!("{file}:{line}"),
        None => file.into_owned(),
    })
}

/// What a call returned.
fn result(kind: &TraceKind) -> Option<String> {
    match kind {
        TraceKind::Return { value, .. } => Some(format!("{value:#x}")),
        TraceKind::EntryReturned { status, .. } => Some(format!("{status:#x}")),
        TraceKind::Nmr(moment) => moment.status.map(|status| format!("{status:#x}")),
        _ => None,
    }
}
