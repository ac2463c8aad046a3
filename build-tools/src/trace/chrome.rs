// SPDX-License-Identifier: MIT OR Apache-2.0

//! A cycle in the trace event format of Chrome and Perfetto: threads are tracks, calls are
//! slices, and arrows lead from a call that pended to the call that completes it.

mod labels;

use std::collections::BTreeMap;

use scenarios::{TraceEvent, TraceKind, TracedCycle};
use serde_json::{Map, Value, json};

use super::flights::{Flight, flights};
use super::slices::{Edge, Slice, Stacks, edge};
use labels::{details, ids, label, results};

/// The process that all threads belong to.
const PROCESS: u64 = 1;

type Arguments = Map<String, Value>;

/// A slice that is under way: its name, and what its end says of it.
struct Open {
    name: String,
    category: &'static str,
    arguments: Arguments,
}

/// The records of a trace.
#[derive(Default)]
struct Records {
    records: Vec<Value>,
    open: Stacks<Open>,
}

/// The whole document.
pub(super) fn document(cycle: Option<&TracedCycle>, events: &[TraceEvent]) -> Value {
    let mut records = Records::default();
    records.name_tracks(cycle, events);
    let flights = flights(events);
    let mut by_begin = BTreeMap::new();
    let mut by_end = BTreeMap::new();
    for (id, flight) in flights.iter().enumerate() {
        by_begin.insert(flight.begin, (id + 1, flight));
        by_end.extend(flight.end.map(|end| (end, (id + 1, flight))));
    }
    for (index, event) in events.iter().enumerate() {
        records.add(event);
        if let Some((id, flight)) = by_begin.get(&index) {
            records.begin_flight(event, *id, flight);
        }
        if let Some((id, flight)) = by_end.get(&index) {
            records.end_flight(event, *id, flight);
        }
    }
    if let Some(last) = events.last() {
        records.close(last, &flights);
    }
    json!({
        "displayTimeUnit": "ns",
        "otherData": cycle,
        "traceEvents": records.records,
    })
}

/// The virtual time in microseconds.
fn microseconds(event: &TraceEvent) -> f64 {
    let text = format!("{}.{:03}", event.time / 1000, event.time % 1000);
    text.parse().unwrap_or_default()
}

/// The number of a track: viewers keep 0 for themselves.
const fn track(thread: u64) -> u64 {
    thread + 1
}

impl Records {
    /// Names the process and the threads.
    fn name_tracks(&mut self, cycle: Option<&TracedCycle>, events: &[TraceEvent]) {
        let process = cycle.map_or_else(
            || "simulated kernel".to_owned(),
            |it| format!("simulated kernel: cycle {} of seed {}", it.cycle, it.seed),
        );
        self.metadata("process_name", 0, &json!({ "name": process }));
        let threads: BTreeMap<_, _> = events
            .iter()
            .map(|event| (event.thread, &event.thread_name))
            .collect();
        for (thread, name) in threads {
            let track = track(thread);
            self.metadata("thread_name", track, &json!({ "name": name }));
            self.metadata("thread_sort_index", track, &json!({ "sort_index": track }));
        }
    }

    fn metadata(&mut self, name: &str, track: u64, arguments: &Value) {
        self.records.push(json!({
            "name": name, "ph": "M", "ts": 0.0, "pid": PROCESS, "tid": track, "args": arguments,
        }));
    }

    fn push(&mut self, event: &TraceEvent, phase: &str, name: &str, category: &str, more: Value) {
        let mut record = json!({
            "name": name,
            "cat": category,
            "ph": phase,
            "ts": microseconds(event),
            "pid": PROCESS,
            "tid": track(event.thread),
        });
        if let (Some(record), Value::Object(more)) = (record.as_object_mut(), more) {
            record.extend(more);
        }
        self.records.push(record);
    }

    fn add(&mut self, event: &TraceEvent) {
        match edge(&event.kind) {
            Edge::Begin(slice) => self.begin(event, slice),
            Edge::End(slice) => {
                let mut ended = self.open.end(event.thread, &slice);
                if let Some(slice) = ended.last_mut() {
                    slice.arguments.extend(results(&event.kind));
                }
                self.end(event, ended);
            }
            Edge::EndOfThread => {
                let ended = self.open.end_thread(event.thread);
                self.end(event, ended);
            }
            Edge::Neither => self.mark(event),
        }
    }

    fn begin(&mut self, event: &TraceEvent, slice: Slice) {
        let (name, category) = label(&event.kind);
        let more = json!({ "args": details(&event.kind) });
        self.push(event, "B", &name, category, more);
        let open = Open {
            name,
            category,
            arguments: Arguments::new(),
        };
        self.open.begin(event.thread, slice, open);
    }

    fn end(&mut self, event: &TraceEvent, ended: Vec<Open>) {
        for slice in ended {
            let more = json!({ "args": slice.arguments });
            self.push(event, "E", &slice.name, slice.category, more);
        }
    }

    /// An event without a duration, or what NMR says of a call of one of its functions.
    fn mark(&mut self, event: &TraceEvent) {
        if let TraceKind::Nmr(moment) = &event.kind {
            if let Some((_, call)) = self.open.innermost(event.thread) {
                call.arguments.extend(ids(moment));
            }
            return;
        }
        let (name, category) = label(&event.kind);
        let scope = if category == "finding" { "g" } else { "t" };
        let more = json!({ "s": scope, "args": details(&event.kind) });
        self.push(event, "i", &name, category, more);
    }

    fn begin_flight(&mut self, event: &TraceEvent, id: usize, flight: &Flight) {
        let more = json!({ "id": id, "args": { "binding": flight.binding } });
        self.push(event, "b", &flight.name, "pended", more);
        if flight.end.is_some() {
            self.push(event, "s", &flight.name, "completion", json!({ "id": id }));
        }
    }

    fn end_flight(&mut self, event: &TraceEvent, id: usize, flight: &Flight) {
        let more = json!({ "id": id, "bp": "e" });
        self.push(event, "f", &flight.name, "completion", more);
        let more = json!({ "id": id, "args": { "completed": true } });
        self.push(event, "e", &flight.name, "pended", more);
    }

    /// Ends what has not ended when the cycle does.
    fn close(&mut self, last: &TraceEvent, flights: &[Flight]) {
        for thread in self.open.threads() {
            let ended = self.open.end_thread(thread);
            let at_end = TraceEvent {
                thread,
                ..last.clone()
            };
            self.end(&at_end, ended);
        }
        for (index, flight) in flights.iter().enumerate() {
            if flight.end.is_none() {
                let more = json!({ "id": index + 1, "args": { "completed": false } });
                self.push(last, "e", &flight.name, "pended", more);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn records(events: &[TraceEvent]) -> Vec<Value> {
        let document = document(Some(&samples::cycle()), events);
        let schema = include_str!("../../tests/schemas/trace-event-format.json");
        let schema = serde_json::from_str(schema).expect("a schema");
        let errors: Vec<_> = jsonschema::validator_for(&schema)
            .expect("a valid schema")
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, [""; 0]);
        document["traceEvents"].as_array().expect("records").clone()
    }

    fn of_phase<'a>(records: &'a [Value], phase: &str) -> Vec<&'a Value> {
        records.iter().filter(|it| it["ph"] == phase).collect()
    }

    #[test]
    fn slices_are_nested_and_all_of_them_end() {
        let records = records(&samples::failing());
        let mut open: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
        for record in &records {
            let names = open
                .entry(record["tid"].as_u64().expect("a track"))
                .or_default();
            match record["ph"].as_str() {
                Some("B") => names.push(&record["name"]),
                Some("E") => assert_eq!(names.pop(), Some(&record["name"])),
                _ => {}
            }
        }
        assert!(open.values().all(Vec::is_empty), "{open:?}");
        // DriverUnload, NmrDeregisterClient and the callback.
        assert!(of_phase(&records, "B").len() >= 3);
    }

    #[test]
    fn arrows_lead_from_calls_to_their_completions() {
        let records = records(&samples::failing());
        let id = |record: &Value| record["id"].as_u64().expect("an id");
        let ids = |phase| {
            of_phase(&records, phase)
                .into_iter()
                .map(id)
                .collect::<Vec<_>>()
        };
        assert_eq!(ids("s"), [1]);
        assert_eq!(ids("f"), [1]);
        assert_eq!(ids("b"), [1, 2, 3]);
        assert_eq!(ids("e"), [1, 2, 3]);
        let completed = |record: &&Value| record["args"]["completed"] == true;
        assert_eq!(
            of_phase(&records, "e")
                .into_iter()
                .filter(completed)
                .count(),
            1
        );
    }

    #[test]
    fn findings_are_marks_and_calls_have_their_places() {
        let records = records(&samples::failing());
        let marks = of_phase(&records, "i");
        let finding = marks.iter().find(|it| it["cat"] == "finding").expect("it");
        assert_eq!(finding["name"], "FINDING R28");
        assert_eq!(finding["s"], "g");
        let calls = of_phase(&records, "B");
        let call = calls.iter().find(|it| it["name"] == "NmrDeregisterClient");
        assert_eq!(
            call.expect("it")["args"]["place"],
            "NmrDeregisterClient (src/client.c:10)"
        );
    }

    #[test]
    fn a_cycle_without_events_is_a_trace() {
        assert_eq!(records(&[]).len(), 1);
    }
}
