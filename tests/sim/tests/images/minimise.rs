// SPDX-License-Identifier: MIT OR Apache-2.0

//! A cycle that fails can be cut down, and what is left fails in the same way.

use std::path::Path;

use scenarios::{Finding, Role};
use serde_json::Value;

use crate::fixture::Workshop;
use crate::program::{Run, sim};

/// A defect that shows in few cycles, and the first of them.
struct Case {
    workshop: Workshop,
    cycle: String,
}

impl Case {
    fn new() -> Self {
        let workshop = Workshop::new();
        workshop.module("p.sys", Role::Provider, &[]);
        workshop.module("d.sys", Role::Client, &["JOIN_BY_EVENT"]);
        let mut case = Self {
            workshop,
            cycle: String::new(),
        };
        let found = case.run(&["--cycles", "500", "--until-found"]).report();
        assert_eq!(found.findings.len(), 1);
        assert_eq!(found.cycles_done, found.findings[0].cycle + 1);
        case.cycle = found.findings[0].cycle.to_string();
        case
    }

    fn run(&self, more: &[&str]) -> Run {
        let path = |name| self.workshop.path(name);
        let arguments = [&["--seed", "5"], more].concat();
        sim(
            Path::new(&path("p.sys")),
            Path::new(&path("d.sys")),
            &arguments,
        )
    }
}

#[test]
fn the_shortest_trace_fails_in_the_same_way() {
    let case = Case::new();
    let first = ["--first", &case.cycle, "--cycles", "1"];
    let minimise = [&first[..], &["--minimise"]].concat();
    let run = case.run(&minimise);
    assert_eq!(run.status, Some(1), "{}", run.err);
    let last = run.last();
    assert_eq!(last, case.run(&minimise).last(), "another result");
    let shortest = &last["minimised"];
    let number = |value: &Value| value.as_u64().expect("a number");
    let events = number(&shortest["events"]);
    let before = &shortest["before"];
    assert!(events < number(&before["events"]) / 2, "{shortest}");
    for key in ["instances", "switches"] {
        assert!(number(&shortest[key]) <= number(&before[key]), "{shortest}");
    }

    let cycle = shortest["cycle"].to_string();
    assert_eq!(cycle, case.cycle);
    let script = shortest["script"].as_str().expect("a script");
    let replay = ["--first", &cycle, "--cycles", "1", "--script", script];
    let schedule = shortest["schedule"].as_str().expect("a schedule");
    let planned = [&replay[..], &["--schedule", schedule]].concat();
    let again = &case.run(&planned).report().findings[0];
    assert_eq!(again.code, shortest["finding"]["code"]);
    assert_eq!(again.driver, "d.sys");
    // Every switch that is left is needed.
    let switches: Vec<_> = schedule.split('.').collect();
    for left_out in 0..switches.len() {
        let mut less = switches.clone();
        less.remove(left_out);
        let less = if less.is_empty() {
            "none".to_owned()
        } else {
            less.join(".")
        };
        let fewer = [&replay[..], &["--schedule", &less]].concat();
        let run = case.run(&fewer);
        // A later switch may need this one.
        if run.status == Some(2) {
            assert!(run.err.contains("cannot be followed"), "{}", run.err);
            continue;
        }
        let findings = run.report().findings;
        let same = findings.iter().any(|other| other.is_same_as(again));
        assert!(
            schedule == "none" || !same,
            "{schedule} holds more than it needs: {less}"
        );
    }

    // It can be cut down again, but there is nothing left to cut.
    let again = [&planned[..], &["--minimise"]].concat();
    let again = &case.run(&again).last()["minimised"];
    assert_eq!(again["before"]["events"], shortest["events"]);
    assert!(again["events"].as_u64() <= shortest["events"].as_u64());
    assert_eq!(again["finding"]["code"], shortest["finding"]["code"]);

    let traced = case.run(&[&planned[..], &["--trace"]].concat());
    assert!(traced.out.contains("FINDING 0xCE d.sys"), "{}", traced.out);
    assert!(traced.out.lines().count() as u64 <= events + 2);
}

#[test]
fn a_cycle_without_a_finding_cannot_be_shortened() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.module("c.sys", Role::Client, &[]);
    let arguments = ["--seed", "5", "--cycles", "1", "--minimise"];
    let run = sim(&provider, &client, &arguments);
    assert_eq!(run.status, Some(0), "{}", run.err);
    assert_eq!(run.out, "");
}

#[test]
fn scripts_that_no_cycle_can_be_are_refused() {
    let case = Case::new();
    for script in ["+p", "-c", "+p.+p.-p.-p", "nonsense"] {
        let run = case.run(&["--cycles", "1", &format!("--script={script}")]);
        assert_eq!(run.status, Some(2), "{script}");
        assert_eq!(run.err.lines().count(), 1, "{}", run.err);
        assert!(run.err.contains("a script is like"), "{}", run.err);
    }
}

#[test]
fn a_schedule_that_cannot_be_followed_is_refused() {
    let case = Case::new();
    let one = ["--cycles", "1", "--script", "+p.+c.-c.-p"];
    for (schedule, named) in [
        ("3:99", "at `3:99` thread 99 cannot run, only thread"),
        ("99999999:0", "before `99999999:0`"),
    ] {
        for way in [&[][..], &["--trace"], &["--minimise"]] {
            let run = case.run(&[&one[..], &["--schedule", schedule], way].concat());
            assert_eq!(run.status, Some(2), "{schedule} {way:?}: {}", run.out);
            assert_eq!(run.err.lines().count(), 1, "{}", run.err);
            assert!(run.err.contains("cannot be followed"), "{}", run.err);
            assert!(run.err.contains(named), "{}", run.err);
        }
    }
}

#[test]
fn a_written_schedule_is_the_one_that_was_drawn() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    // Whether its routine is called at all is up to the programs.
    let client = workshop.compile("d.sys", "control.c", &["RAISES"]);
    let run = |more: &[&str]| sim(&provider, &client, &[&["--seed=5"], more].concat());
    let findings = run(&["--cycles=30"]).report().findings;
    assert!(!findings.is_empty());
    for cycle in 0..30 {
        let first = format!("--first={cycle}");
        if run(&["--cycles=1", &first]).report().is_clean() {
            continue;
        }
        let last = run(&["--cycles=1", &first, "--minimise"]).last();
        assert!(last["minimised"]["schedule"].is_string(), "{last}");
    }
}

#[test]
fn a_schedule_goes_with_the_case_of_a_systematic_run() {
    let case = Case::new();
    let all = ["--cycles", "200", "--faults=systematic"];
    let report = case.run(&all).report();
    let joins = |finding: &&Finding| finding.what.contains("its thread");
    let finding = report.findings.iter().find(joins).expect("the defect");
    let cycle = finding.cycle.to_string();
    let first = ["--first", &cycle, "--cycles", "1", "--faults=systematic"];
    let minimised = case.run(&[&first[..], &["--minimise"]].concat()).last();
    let shortest = &minimised["minimised"];
    let text = |key: &str| shortest[key].as_str().expect("a text");
    assert_eq!(shortest["cycle"].to_string(), cycle);
    let planned = [
        &format!("--schedule={}", text("schedule")),
        &format!("--script={}", text("script")),
    ];
    let planned = planned.map(String::as_str);
    let again = case.run(&[&first[..], &planned[..]].concat()).report();
    assert!(again.findings[0].is_same_as(finding));

    // The matrix is counted without the schedule, and so it is the same.
    let counted = case
        .run(&[&first[..], &["--schedule=none"]].concat())
        .report();
    assert_eq!(counted.fault_calls, report.fault_calls);
}
