// SPDX-License-Identifier: MIT OR Apache-2.0

//! The steps of a cycle that a diagram may show: which events tell its story.

use std::collections::BTreeSet;

use scenarios::{CodePlace, NmrMoment, NpiCall, Place, TraceEvent, TraceKind};

use super::lanes::{Lane, Lanes};
use crate::trace::flights::Flight;
use crate::trace::slices::{Edge, Slice, Stacks, edge};

/// The number of kernel calls before a finding that are shown.
const LAST_CALLS: usize = 4;

/// How a step is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A call from one lane to another.
    Call(Lane, Lane),
    /// The return of a call.
    Return(Lane, Lane),
    /// Something in a lane.
    Mark(Lane),
    /// The broken moment, in a lane.
    Broken(Lane),
}

/// A step of the story.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// The event; several if the same thing follows itself.
    pub(super) events: Vec<usize>,
    pub(super) shape: Shape,
    pub(super) label: String,
    /// The line of the source.
    pub(super) source: Option<Place>,
    /// What a return answers.
    pub(super) result: Option<String>,
}

/// All steps, in order.
pub(super) fn steps(events: &[TraceEvent], flights: &[Flight], lanes: &Lanes) -> Vec<Step> {
    let mut shown = Shown::of(events, flights);
    let mut steps = Vec::new();
    for (event, it) in events.iter().enumerate() {
        if let Some(step) = step(event, it, lanes, &mut shown) {
            steps.push(step);
        }
        shown.follow(it);
    }
    steps
}

/// Which calls are shown, and what is under way.
struct Shown {
    /// The calls, by their events.
    calls: BTreeSet<usize>,
    /// What is under way on each thread, with the events that began it.
    open: Stacks<usize>,
    next: usize,
}

impl Shown {
    fn of(events: &[TraceEvent], flights: &[Flight]) -> Self {
        let in_flight = flights
            .iter()
            .flat_map(|flight| [Some(flight.begin), flight.end]);
        let mut calls: BTreeSet<_> = in_flight.flatten().collect();
        let mut whole = Self {
            calls: BTreeSet::new(),
            open: Stacks::default(),
            next: 0,
        };
        for event in events {
            whole.follow(event);
        }
        // Where each thread stands at the end.
        for thread in whole.open.threads() {
            calls.extend(whole.open.of(thread).iter().map(|(_, event)| *event));
        }
        calls.extend(last_calls(events));
        Self {
            calls,
            open: Stacks::default(),
            next: 0,
        }
    }

    /// Begins or ends what an event does.
    fn follow(&mut self, event: &TraceEvent) {
        match edge(&event.kind) {
            Edge::Begin(slice) => self.open.begin(event.thread, slice, self.next),
            Edge::End(slice) => {
                self.open.end(event.thread, &slice);
            }
            Edge::EndOfThread => {
                self.open.end_thread(event.thread);
            }
            Edge::Neither => {}
        }
        self.next += 1;
    }

    /// The event that began the call which returns now on a thread, if it is shown.
    fn is_return(&self, thread: u64, callee: &str) -> bool {
        let open = self.open.of(thread).iter().rev();
        let mut calls = open.filter(|(slice, _)| *slice == Slice::Call(callee.to_owned()));
        calls
            .next()
            .is_some_and(|(_, event)| self.calls.contains(event))
    }

    /// Returns `true` if a thread is within something that is shown.
    fn is_within(&self, thread: u64) -> bool {
        self.open
            .of(thread)
            .iter()
            .any(|(slice, event)| match slice {
                Slice::Entry | Slice::Unload | Slice::Callback(..) => true,
                Slice::Call(_) => self.calls.contains(event),
                Slice::Wait => false,
            })
    }
}

/// The last kernel calls on the thread of a finding.
fn last_calls(events: &[TraceEvent]) -> Vec<usize> {
    let is_finding = |event: &&TraceEvent| matches!(event.kind, TraceKind::Finding(_));
    let Some(finding) = events.iter().rev().find(is_finding) else {
        return Vec::new();
    };
    let calls = events.iter().enumerate().rev().filter(|(_, event)| {
        event.thread == finding.thread && matches!(event.kind, TraceKind::Call { npi: None, .. })
    });
    calls.map(|(index, _)| index).take(LAST_CALLS).collect()
}

fn step(event: usize, it: &TraceEvent, lanes: &Lanes, shown: &mut Shown) -> Option<Step> {
    let kernel = || Lane::Kernel;
    let (shape, label, source, result) = match &it.kind {
        TraceKind::Entry { image, .. } => (
            Shape::Call(kernel(), Lane::Driver(image.clone())),
            "DriverEntry".to_owned(),
            None,
            None,
        ),
        TraceKind::EntryReturned { service, status } => (
            Shape::Return(lanes.of_service(service), kernel()),
            "DriverEntry".to_owned(),
            None,
            Some(format!("{status:#x}")),
        ),
        TraceKind::Unload { image, .. } => (
            Shape::Call(kernel(), Lane::Driver(image.clone())),
            "DriverUnload".to_owned(),
            None,
            None,
        ),
        TraceKind::UnloadReturned { service } => (
            Shape::Return(lanes.of_service(service), kernel()),
            "DriverUnload".to_owned(),
            None,
            None,
        ),
        TraceKind::Unmapped { image, .. } => (
            Shape::Mark(Lane::Driver(image.clone())),
            "unloaded".to_owned(),
            None,
            None,
        ),
        TraceKind::Nmr(moment) => return nmr(event, moment),
        TraceKind::Call {
            callee,
            caller,
            npi,
        } => {
            let caller = caller.as_ref()?;
            // NMR's functions are shown as what NMR does.
            if !shown.calls.contains(&event) || callee.starts_with("Nmr") {
                return None;
            }
            let shape = Shape::Call(
                Lane::Driver(caller.driver.clone()),
                callee_lane(npi.as_ref(), lanes),
            );
            (shape, callee.clone(), caller.place.clone(), None)
        }
        TraceKind::Return {
            callee,
            value,
            npi: npi @ Some(NpiCall { owner, binding, .. }),
            ..
        } if shown.is_return(it.thread, callee) => {
            let caller = lanes.at_end(*binding, owner.peer());
            let shape = Shape::Return(callee_lane(npi.as_ref(), lanes), caller);
            (shape, callee.clone(), None, Some(format!("{value:#x}")))
        }
        TraceKind::Wait { .. } if shown.is_within(it.thread) => {
            (Shape::Mark(kernel()), it.text.clone(), None, None)
        }
        TraceKind::Fault(_) => (Shape::Mark(kernel()), it.text.clone(), None, None),
        TraceKind::Finding(finding) | TraceKind::Note(finding) => {
            let lane = Lane::Driver(finding.driver.clone());
            let label = format!("{}: {}", finding.code, finding.what);
            let shape = match it.kind {
                TraceKind::Note(_) => Shape::Mark(lane),
                _ => Shape::Broken(lane),
            };
            (shape, label, finding.place.clone(), None)
        }
        TraceKind::Unsupported(unsupported) => {
            let lane = Lane::Driver(unsupported.driver.clone());
            let label = format!("unsupported: {}", unsupported.what);
            (Shape::Broken(lane), label, unsupported.place.clone(), None)
        }
        _ => return None,
    };
    Some(Step {
        events: vec![event],
        shape,
        label,
        source,
        result,
    })
}

fn callee_lane(npi: Option<&NpiCall>, lanes: &Lanes) -> Lane {
    npi.map_or(Lane::Kernel, |npi| lanes.at_end(npi.binding, npi.owner))
}

/// A function or a callback of NMR.
fn nmr(event: usize, moment: &NmrMoment) -> Option<Step> {
    let NmrMoment {
        call,
        side,
        binding,
        status,
        place,
        ..
    } = moment;
    let CodePlace { driver, place, .. } = place.as_ref()?;
    let module = Lane::Driver(driver.clone());
    let (from, to) = if call.is_callback() {
        (Lane::Nmr, module)
    } else {
        (module, Lane::Nmr)
    };
    let shape = match status {
        None => Shape::Call(from, to),
        Some(_) => Shape::Return(to, from),
    };
    let name = call.function(*side);
    Some(Step {
        events: vec![event],
        shape,
        label: match binding {
            Some(binding) => format!("{name} of binding {binding}"),
            None => name.to_owned(),
        },
        source: place.clone().filter(|_| status.is_none()),
        result: status.map(|status| format!("{status:#x}")),
    })
}
