// SPDX-License-Identifier: MIT OR Apache-2.0

//! The events of a cycle as values, and what `cargo xtask replay` makes of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use scenarios::{NmrCall, NpiCall, TraceEvent, TraceKind, TraceLine};
use serde_json::Value;

use crate::pair::driver;
use crate::program::sim_with_any_instances as sim;

fn pair(arguments: &[&str]) -> String {
    sim(&driver("provider.sys"), &driver("client.sys"), arguments).out
}

fn events(output: &str) -> Vec<TraceEvent> {
    let lines = output.lines().map(serde_json::from_str);
    let lines = lines.map(|line| line.expect("a line of the trace"));
    lines
        .filter_map(|line| match line {
            TraceLine::Event(event) => Some(event),
            _ => None,
        })
        .collect()
}

const CYCLE: [&str; 3] = ["--seed=7", "--first=3", "--cycles=1"];

#[test]
fn events_are_a_function_of_the_seed_and_the_text_trace_shows_the_same() {
    let run = |more| pair(&[&CYCLE[..], &[more]].concat());
    let output = run("--events");
    assert_eq!(output, run("--events"));
    assert!(
        output
            .lines()
            .last()
            .unwrap_or_default()
            .starts_with("{\"report\":")
    );
    let events = events(&output);
    let shown = events.iter().filter(|event| !event.text.is_empty());
    let shown: Vec<_> = shown.map(ToString::to_string).collect();
    let text = run("--trace");
    let traced: Vec<_> = text.lines().skip(1).collect();
    assert_eq!(shown, traced);
}

#[test]
fn a_call_that_pends_has_the_number_of_its_completion() {
    let events = events(&pair(&[&CYCLE[..], &["--events"]].concat()));
    let mut pended = BTreeMap::new();
    for event in &events {
        if let TraceKind::Return {
            npi: Some(NpiCall { request, .. }),
            pended: true,
            ..
        }
        | TraceKind::Call {
            npi:
                Some(NpiCall {
                    request,
                    completes: true,
                    ..
                }),
            ..
        } = &event.kind
        {
            *pended.entry(request.expect("a number")).or_insert(0) += 1;
        }
    }
    assert!(pended.len() > 5, "{pended:?}");
    assert!(pended.values().all(|&times| times == 2), "{pended:?}");
}

#[test]
fn drivers_callbacks_and_waits_begin_and_end() {
    let events = events(&pair(&[&CYCLE[..], &["--events"]].concat()));
    let count = |is: &dyn Fn(&TraceKind) -> bool| events.iter().filter(|it| is(&it.kind)).count();
    let unloads = count(&|kind| matches!(kind, TraceKind::Unload { .. }));
    assert!(unloads >= 2);
    for equal in [
        count(&|kind| matches!(kind, TraceKind::Entry { .. })),
        count(&|kind| matches!(kind, TraceKind::EntryReturned { .. })),
        count(&|kind| matches!(kind, TraceKind::UnloadReturned { .. })),
        count(&|kind| matches!(kind, TraceKind::Unmapped { .. })),
    ] {
        assert_eq!(equal, unloads);
    }
    let callbacks = |begin: bool| {
        count(&|kind| match kind {
            TraceKind::Nmr(moment) => {
                moment.call == NmrCall::DetachCallback && moment.status.is_none() == begin
            }
            _ => false,
        })
    };
    assert!(callbacks(true) >= 2);
    assert_eq!(callbacks(true), callbacks(false));
    let waits = count(&|kind| matches!(kind, TraceKind::Wait { .. }));
    assert!(waits > 0);
    // The last waits may be those of the threads of programs.
    assert!(count(&|kind| *kind == TraceKind::Wake) <= waits);
}

/// What `cargo xtask replay` prints for a defect of the zoo that shows in the first cycle.
fn replay(arguments: &[&str]) -> String {
    let line = format!(
        "seed=7,cycle=0,provider={},client=zoo:missing_wait",
        driver("provider.sys").display()
    );
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["xtask", "replay", &line])
        .args(arguments)
        .output()
        .expect("cargo runs this test");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}{errors}");
    text
}

#[test]
fn a_replay_writes_a_trace_for_viewers() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("trace.json");
    let drawing = directory.path().join("cycle.svg");
    let files = [&file, &drawing].map(|file| file.display().to_string());
    let text = replay(&["--trace-json", &files[0], "--diagram", &files[1]]);
    assert!(text.contains("FINDING R28 missing_wait.sys"), "{text}");
    let document = read(&file);
    let records = document["traceEvents"].as_array().expect("records");

    let mut open: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    let mut times: BTreeMap<u64, f64> = BTreeMap::new();
    for record in records {
        for field in ["name", "ph", "ts", "pid", "tid"] {
            assert!(!record[field].is_null(), "{field}: {record}");
        }
        let track = record["tid"].as_u64().expect("a track");
        let time = record["ts"].as_f64().expect("a time");
        let last = times.insert(track, time).unwrap_or_default();
        assert!(last <= time, "{record}");
        let names = open.entry(track).or_default();
        match record["ph"].as_str() {
            Some("B") => names.push(&record["name"]),
            Some("E") => assert_eq!(names.pop(), Some(&record["name"])),
            _ => {}
        }
    }
    assert!(open.values().all(Vec::is_empty), "{open:?}");
    let drawing = fs::read_to_string(drawing).expect("the drawing");
    assert!(drawing.starts_with("<svg ") && drawing.contains("R28: DriverUnload"));

    let of_phase = |phase: &str| {
        records
            .iter()
            .filter(|it| it["ph"] == phase)
            .collect::<Vec<_>>()
    };
    let ids = |phase| {
        let mut ids: Vec<_> = of_phase(phase)
            .into_iter()
            .map(|it| it["id"].as_u64())
            .collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids("s"), ids("f"));
    assert_eq!(ids("b"), ids("e"));
    let marks = of_phase("i");
    assert!(marks.iter().any(|mark| mark["name"] == "FINDING R28"));
    let calls = of_phase("B");
    let places = calls
        .iter()
        .filter(|call| call["name"] == "NmrDeregisterClient");
    let places: Vec<_> = places
        .map(|call| call["args"]["place"].to_string())
        .collect();
    assert!(
        places.iter().any(|place| place.contains("missing_wait.c:")),
        "{places:?}"
    );
}

fn read(file: &Path) -> Value {
    let text = fs::read_to_string(file).expect("the file");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_minimised_trace_has_a_column_for_each_thread() {
    let text = replay(&["--minimise"]);
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("replay: seed=7,cycle=0,"), "{text}");
    assert!(
        lines[1].contains("script") && lines[1].contains("unload client"),
        "{text}"
    );
    let table = lines[1..]
        .iter()
        .take_while(|line| !line.starts_with("finding: "));
    assert!(table.clone().all(|line| line.len() <= 160), "{text}");
    assert!(
        table.clone().any(|line| line.contains("FINDING R28")),
        "{text}"
    );
    assert!(
        table.clone().any(|line| line.contains("missing_wait.c:")),
        "{text}"
    );
    let removed = lines.iter().find(|line| line.starts_with("removed: "));
    let removed = removed.expect("what it removed");
    assert!(
        removed.contains(" events, 1 of 2 driver instances"),
        "{removed}"
    );
    let again = lines.iter().find(|line| line.contains("again: "));
    let again = again.expect("the shorter line");
    assert!(
        again.contains("again: cargo xtask replay seed=7,cycle=0,"),
        "{again}"
    );
}
