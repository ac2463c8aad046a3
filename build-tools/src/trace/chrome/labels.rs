// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a viewer shows of an event: its name, its category and its arguments.

use scenarios::{CodePlace, NmrMoment, NpiCall, TraceKind};
use serde_json::{Value, json};

use super::Arguments;

/// The name and the category of an event.
pub(super) fn label(kind: &TraceKind) -> (String, &'static str) {
    match kind {
        TraceKind::Call { callee, npi, .. } => {
            (callee.clone(), if npi.is_some() { "npi" } else { "kernel" })
        }
        TraceKind::Nmr(moment) => (moment.call.function(moment.side).to_owned(), "nmr"),
        TraceKind::Entry { image, .. } => (format!("DriverEntry of {image}"), "driver"),
        TraceKind::Unload { image, .. } => (format!("DriverUnload of {image}"), "driver"),
        TraceKind::Mapped { image, .. } => (format!("{image} is mapped"), "driver"),
        TraceKind::Unmapped { image, .. } => (format!("{image} is unmapped"), "driver"),
        TraceKind::Transition {
            service, peer, to, ..
        } => (format!("{service} is {to} towards {peer}"), "state"),
        TraceKind::Wait { .. } => (kind.to_string(), "wait"),
        TraceKind::Finding(finding) => (format!("FINDING {}", finding.code), "finding"),
        TraceKind::Note(note) => (format!("NOTE {}", note.code), "finding"),
        TraceKind::Unsupported(_) => ("UNSUPPORTED".to_owned(), "finding"),
        TraceKind::Fault(_) => (kind.to_string(), "fault"),
        _ => (kind.to_string(), "message"),
    }
}

/// What is known of an event beyond its name.
pub(super) fn details(kind: &TraceKind) -> Arguments {
    let mut arguments = Arguments::new();
    match kind {
        TraceKind::Call { caller, npi, .. } => {
            arguments.extend(caller.iter().flat_map(place));
            if let Some(NpiCall {
                binding, request, ..
            }) = npi
            {
                arguments.insert("binding".to_owned(), json!(binding));
                arguments.insert("request".to_owned(), json!(request));
            }
        }
        TraceKind::Nmr(moment) => {
            arguments.extend(moment.place.iter().flat_map(place));
            arguments.extend(ids(moment));
        }
        TraceKind::Finding(finding) | TraceKind::Note(finding) => {
            arguments.insert("what".to_owned(), json!(finding.to_string()));
            let place = finding.place.as_ref().map(ToString::to_string);
            arguments.extend(place.map(|place| ("place".to_owned(), json!(place))));
        }
        TraceKind::Unsupported(unsupported) => {
            arguments.insert("what".to_owned(), json!(unsupported.to_string()));
        }
        _ => {}
    }
    arguments
}

/// The driver, the offset and the source line of a place.
fn place(place: &CodePlace) -> impl Iterator<Item = (String, Value)> {
    let offset = place.offset.map(|offset| format!("{offset:#x}"));
    let source = place.place.as_ref().map(ToString::to_string);
    [
        Some(("driver", place.driver.clone())),
        offset.map(|offset| ("offset", offset)),
        source.map(|source| ("place", source)),
    ]
    .into_iter()
    .flatten()
    .map(|(key, value)| (key.to_owned(), value.into()))
}

/// The registration and the binding that an event of NMR is about.
pub(super) fn ids(moment: &NmrMoment) -> impl Iterator<Item = (String, Value)> {
    [
        ("registration", moment.registration),
        ("binding", moment.binding),
    ]
    .into_iter()
    .filter_map(|(key, id)| Some((key.to_owned(), json!(id?))))
}

/// What the end of a slice says.
pub(super) fn results(kind: &TraceKind) -> Arguments {
    let value = match kind {
        TraceKind::Return { value, .. } => Some(format!("{value:#x}")),
        TraceKind::EntryReturned { status, .. } => Some(format!("{status:#010x}")),
        TraceKind::Nmr(moment) => moment.status.map(|status| format!("{status:#010x}")),
        _ => None,
    };
    let value = value.map(|value| ("returned".to_owned(), json!(value)));
    value.into_iter().collect()
}
