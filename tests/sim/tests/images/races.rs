// SPDX-License-Identifier: MIT OR Apache-2.0

//! Data races of plain memory: which are found, what is said of them, and which accesses are
//! none.

use scenarios::{Finding, Role};

use crate::fixture::Workshop;
use crate::program::{Run, sim};

/// Runs cycles of the fixture with these macros.
fn run(workshop: &Workshop, defect: &str, options: &[&str]) -> Run {
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let macros: Vec<_> = defect.split(' ').collect();
    let client = workshop.compile("r.sys", "plain_race.c", &macros);
    sim(&provider, &client, &[&["--seed", "4"], options].concat())
}

fn found(run: &Run) -> Finding {
    let mut report = run.report();
    assert!(!report.findings.is_empty(), "it is found: {}", run.err);
    report.findings.remove(0)
}

#[test]
fn a_race_is_told_with_both_accesses_and_the_object() {
    let all = ["--races", "all", "--cycles", "40", "--until-found"];
    let workshop = Workshop::new();
    for (defect, functions, object) in [
        ("LOST", ["Own", "Others"], "r.sys+"),
        ("HALF_LOCKED", ["Own", "Others"], "r.sys+"),
        ("TORN", ["Copy", "Store"], "r.sys+"),
        ("TORN BY_CALL", ["Copy", "Store"], "r.sys+"),
        ("TWO_LOCKS", ["Push", "Push"], "r.sys+"),
        ("FREED", ["Own", "Others"], "of a block of 100 bytes"),
    ] {
        let finding = found(&run(&workshop, defect, &all));
        assert_eq!((&*finding.code, &*finding.driver), ("race", "r.sys"));
        assert!(finding.what.contains(object), "{finding}");
        let history = finding.history.join("\n");
        let stack = format!("{:?}", finding.stack);
        let told = |function: &str| {
            stack.contains(function) || history.contains(&format!("r.sys!{function} "))
        };
        assert!(functions.iter().all(|it| told(it)), "{finding}\n{history}");
        assert!(history.contains("the earlier access: thread "), "{history}");
        assert!(history.contains("plain_race.c:"), "{history}");
        let locked = history.contains("holds a spin lock");
        let locks = ["HALF_LOCKED", "TWO_LOCKS"].contains(&defect);
        assert_eq!(locked, locks, "{history}");
    }
}

#[test]
fn what_is_ordered_is_no_race() {
    let workshop = Workshop::new();
    for right in [
        "FLAG",
        "FLAG BY_CALL",
        "LOCKED",
        "LOCKED BY_CALL",
        "ONE_LOCK",
    ] {
        for more in [&[][..], &["--preempt"]] {
            let options = [&["--races", "all", "--cycles", "200"], more].concat();
            let report = run(&workshop, right, &options).report();
            assert!(report.is_clean(), "{right}: {:?}", report.findings);
        }
    }
}

#[test]
fn races_are_searched_where_that_is_asked_for() {
    let workshop = Workshop::new();
    let off = run(&workshop, "LOST", &["--races", "off", "--cycles", "60"]).report();
    assert!(off.is_clean(), "{:?}", off.findings);
    let sampled = run(&workshop, "LOST", &["--cycles", "60", "--until-found"]);
    let finding = found(&sampled);
    let cycle = finding.cycle.to_string();
    let again = ["--first", &cycle, "--cycles", "1"];
    let replayed = found(&run(&workshop, "LOST", &again));
    assert_eq!(replayed.what, finding.what);
    assert_eq!(replayed.history, finding.history);
    let traced = || run(&workshop, "LOST", &[&again[..], &["--trace"]].concat()).out;
    let trace = traced();
    assert!(trace.contains("data race"), "{trace}");
    assert_eq!(trace, traced());
    let minimised = run(&workshop, "LOST", &[&again[..], &["--minimise"]].concat());
    let code = &minimised.last()["minimised"]["finding"]["code"];
    assert_eq!(code, "race", "{}", minimised.err);
}

#[test]
fn threads_are_switched_between_plain_accesses() {
    let workshop = Workshop::new();
    let plain = ["--races", "off", "--cycles", "300"];
    let finding = found(&run(&workshop, "SWITCH", &plain));
    assert_eq!(finding.code, "0xC2", "{finding}");
    let preempt = [&plain[..], &["--preempt", "--until-found"]].concat();
    let finding = found(&run(&workshop, "SWITCH", &preempt));
    assert_eq!(finding.code, "0xC2", "{finding}");
    let cycle = finding.cycle.to_string();
    let again = [
        "--races",
        "off",
        "--preempt",
        "--first",
        &cycle,
        "--cycles",
        "1",
    ];
    assert_eq!(
        found(&run(&workshop, "SWITCH", &again)).stack,
        finding.stack
    );
    let minimised = run(&workshop, "SWITCH", &[&again[..], &["--minimise"]].concat());
    let report = &minimised.last()["minimised"];
    assert_eq!(report["finding"]["code"], "0xC2", "{}", minimised.err);
}
