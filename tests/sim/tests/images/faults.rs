// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls that fail on purpose: the pair survives each, and a module that does
//! not undo what it had done is found.

use std::path::PathBuf;

use scenarios::{Coverage, Report, Role};

use crate::fixture::Workshop;
use crate::pair::driver;
use crate::program::{Run, sim};

fn pair(arguments: &[&str]) -> Run {
    let arguments = [&["--seed", "2"], arguments].concat();
    sim(&driver("provider.sys"), &driver("client.sys"), &arguments)
}

#[test]
fn the_pair_survives_random_faults() {
    let report = pair(&["--cycles", "240", "--faults", "random"]).report();
    assert!(report.is_clean(), "{:#?}", report.findings);
    let met = |kind: &str| report.faults.keys().any(|fault| fault.starts_with(kind));
    for kind in ["allocation", "thread", "attach", "before-client-attach"] {
        assert!(met(kind), "{kind}");
    }
    assert!(report.counts.every_driver_ended());
}

/// How many cycles the matrix of faults has.
fn size() -> u64 {
    let run = pair(&["--cycles", "1", "--faults", "systematic", "--size"]);
    let size: serde_json::Value = serde_json::from_str(&run.out).expect("one line");
    size["size"].as_u64().expect("a number")
}

#[test]
fn the_matrix_of_faults_and_orders_is_covered_and_ends_there() {
    let systematic = |cycles: u64| {
        let cycles = cycles.to_string();
        pair(&["--faults", "systematic", "--cycles", &cycles]).report()
    };
    let size = size();
    let report = systematic(size);
    assert!(report.is_clean(), "{:#?}", report.findings);
    let faults = Coverage::of(&report).faults;
    // The cycle of each order that has no fault comes on top.
    assert_eq!(faults.covered as u64, size - 15);
    assert_eq!(faults.missing, [""; 0]);
    for kind in [
        "allocation",
        "thread",
        "registration",
        "attach",
        "device",
        "link",
        "handle",
        "security",
    ] {
        let calls = &report.fault_calls[kind];
        assert_eq!(calls.len(), 15, "{kind}");
        assert!(calls.values().all(|calls| *calls > 0), "{kind}: {calls:?}");
    }
    // One cycle less leaves out one fault.
    let faults = Coverage::of(&systematic(size - 1)).faults;
    assert_eq!(faults.missing.len(), 1);
}

#[test]
fn the_matrix_does_not_depend_on_how_it_is_dealt() {
    let part = |first: &str, cycles: &str| {
        let range = ["--first", first, "--cycles", cycles];
        pair(&[&range[..], &["--faults", "systematic"]].concat()).report()
    };
    let mut dealt = Report::new("sim", 2, 90);
    dealt.merge(part("50", "40"));
    dealt.merge(part("0", "50"));
    assert!(part("0", "90").same_course(&dealt));
}

#[test]
fn a_fault_that_is_none_is_refused() {
    let run = pair(&["--cycles", "1", "--faults", "allocation:0"]);
    assert_eq!(run.status, Some(2));
    assert!(
        run.err.contains("`allocation:0` names no faults"),
        "{}",
        run.err
    );
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
}

#[test]
fn what_a_failed_entry_leaves_is_found() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let arguments = ["--seed", "2", "--cycles", "240", "--faults", "systematic"];
    let run = |client: PathBuf| sim(&provider, &client, &arguments).report();
    let right = run(workshop.module("c.sys", Role::Client, &[]));
    assert!(right.is_clean(), "{:#?}", right.findings);
    let wrong = run(workshop.module("d.sys", Role::Client, &["NO_ROLLBACK"]));
    let finding = wrong.findings.first().expect("it is found");
    assert_eq!(
        (&*finding.code, &*finding.driver),
        ("0xCE", "d.sys"),
        "{finding}"
    );
    assert!(
        finding.what.contains("DriverEntry failed, but its thread"),
        "{finding}"
    );
}

#[test]
fn what_needs_no_fault_is_found_too() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.module("d.sys", Role::Client, &["FAULT_IN_ENTRY"]);
    let arguments = ["--seed", "2", "--cycles", "60", "--faults", "systematic"];
    let run = sim(&provider, &client, &arguments);
    assert_eq!(run.status, Some(1), "{}", run.err);
    let finding = &run.report().findings[0];
    assert_eq!((&*finding.code, &*finding.driver), ("0x7E", "d.sys"));
}
