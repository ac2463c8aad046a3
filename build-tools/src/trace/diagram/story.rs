// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a diagram shows, row by row, and the bars of what is in flight.

use std::path::Path;

use scenarios::{Place, TraceEvent};

use super::candidates::{Shape, Step, steps};
use super::lanes::Lanes;
use crate::trace::flights::Flight;

/// The largest number of bars.
const MOST_BARS: usize = 24;

/// A row.
#[derive(Debug)]
pub(super) struct Row {
    /// The virtual time in microseconds.
    pub(super) time: String,
    /// The place of its thread among those shown.
    pub(super) thread: usize,
    pub(super) shape: Shape,
    pub(super) label: String,
    /// The line and the function in the source.
    pub(super) source: Option<String>,
}

/// Something in flight.
#[derive(Debug)]
pub(super) struct Bar {
    /// The place of its lane.
    pub(super) lane: usize,
    /// The row in which it begins; `None` if that was before the first.
    pub(super) begin: Option<usize>,
    /// The row in which it is complete, if it is.
    pub(super) end: Option<usize>,
    pub(super) label: String,
}

/// What a diagram shows.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) lanes: Lanes,
    pub(super) rows: Vec<Row>,
    pub(super) bars: Vec<Bar>,
    /// The names of the threads that rows are on.
    pub(super) threads: Vec<String>,
    /// The number of steps before the first row.
    pub(super) left_out: usize,
}

impl Story {
    /// The last `most` steps.
    pub(super) fn of(events: &[TraceEvent], flights: &[Flight], most: usize) -> Self {
        let lanes = Lanes::of(events);
        let steps = with_results(events, steps(events, flights, &lanes));
        let mut steps = condensed(events, steps);
        let left_out = steps.len().saturating_sub(most);
        steps.drain(..left_out);
        let bars = bars(&steps, flights, &lanes);
        let mut threads = Vec::new();
        let rows = steps
            .into_iter()
            .map(|step| row(events, step, &mut threads));
        let rows = rows.collect();
        Self {
            lanes,
            rows,
            bars,
            threads: threads.into_iter().map(|(_, name)| name).collect(),
            left_out,
        }
    }
}

/// The thread of a step.
fn thread(events: &[TraceEvent], step: &Step) -> u64 {
    events[step.events[0]].thread
}

/// The steps without the returns that directly follow their calls, and with what these
/// answer.
fn with_results(events: &[TraceEvent], steps: Vec<Step>) -> Vec<Step> {
    let mut merged: Vec<Step> = Vec::new();
    for step in steps {
        match merged.last_mut() {
            Some(call)
                if matches!(step.shape, Shape::Return(..))
                    && matches!(call.shape, Shape::Call(..))
                    && call.label == step.label
                    && thread(events, call) == thread(events, &step) =>
            {
                call.result = step.result;
            }
            _ => merged.push(step),
        }
    }
    merged
}

/// The steps with one in place of several that are the same.
fn condensed(events: &[TraceEvent], steps: Vec<Step>) -> Vec<Step> {
    let mut condensed: Vec<Step> = Vec::new();
    for step in steps {
        match condensed.last_mut() {
            Some(last)
                if (&last.shape, &last.label, &last.source, &last.result)
                    == (&step.shape, &step.label, &step.source, &step.result)
                    && thread(events, last) == thread(events, &step) =>
            {
                last.events.extend(step.events);
            }
            _ => condensed.push(step),
        }
    }
    condensed
}

fn row(events: &[TraceEvent], step: Step, threads: &mut Vec<(u64, String)>) -> Row {
    let event = &events[step.events[0]];
    let known = threads.iter().position(|(it, _)| *it == event.thread);
    let thread = known.unwrap_or_else(|| {
        threads.push((event.thread, event.thread_name.clone()));
        threads.len() - 1
    });
    let mut label = match (&step.shape, step.result) {
        (Shape::Return(..), None) => format!("{} returns", step.label),
        (Shape::Return(..), Some(result)) => format!("{} returns {result}", step.label),
        (_, Some(result)) => format!("{} = {result}", step.label),
        (_, None) => step.label,
    };
    if step.events.len() > 1 {
        label = format!("{} x {label}", step.events.len());
    }
    Row {
        time: format!("{}.{}", event.time / 1000, event.time % 1000 / 100),
        thread,
        shape: step.shape,
        label,
        source: step.source.as_ref().map(source),
    }
}

/// `client.c:12 Unload`.
fn source(place: &Place) -> String {
    let file = place.file.as_deref().map(Path::new);
    let file = file
        .and_then(Path::file_name)
        .map(|it| it.to_string_lossy());
    match (file, place.line) {
        (Some(file), Some(line)) => format!("{file}:{line} {}", place.function),
        (Some(file), None) => format!("{file} {}", place.function),
        (None, _) => place.function.clone(),
    }
}

/// The bars that reach into these steps; the last ones if there are too many.
fn bars(steps: &[Step], flights: &[Flight], lanes: &Lanes) -> Vec<Bar> {
    let Some(first) = steps.first() else {
        return Vec::new();
    };
    let row = |event: usize| steps.iter().position(|step| step.events.contains(&event));
    let reach = flights
        .iter()
        .filter(|flight| flight.end.is_none_or(|end| end >= first.events[0]));
    let mut bars: Vec<_> = reach
        .map(|flight| Bar {
            lane: lanes.place(&lanes.at_end(flight.binding, flight.owner)),
            begin: row(flight.begin),
            end: flight.end.and_then(row),
            label: match flight.end {
                Some(_) => format!("{} pends", flight.name),
                None => format!("{} pends and is not completed", flight.name),
            },
        })
        .collect();
    bars.drain(..bars.len().saturating_sub(MOST_BARS));
    bars
}
