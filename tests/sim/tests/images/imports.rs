// SPDX-License-Identifier: MIT OR Apache-2.0

//! Imports that nobody provides: the image loads, all of them are listed, and a cycle
//! that uses one is cut short without being a finding.

use std::collections::BTreeSet;

use scenarios::{Report, Role, Unsupported};
use serde_json::Value;

use crate::fixture::Workshop;
use crate::program::{Run, sim};

/// A macro of `imports.c`, and what the driver does then.
const USES: &[(&str, &str)] = &[
    ("CALLS_FUNCTION", "calls NoSuchFunction of ntoskrnl.exe"),
    ("CALLS_OTHER_IMAGE", "calls NoSuchCallout of fwpkclnt.sys"),
    ("CALLS_ORDINAL", "calls ordinal 7 of fwpkclnt.sys"),
    (
        "READS_VARIABLE",
        "reads the variable NoSuchVariable of ntoskrnl.exe",
    ),
    (
        "WRITES_VARIABLE",
        "writes to the variable NoSuchVariable of ntoskrnl.exe",
    ),
    (
        "SETS_VARIABLE",
        "reads the variable NoSuchVariable of ntoskrnl.exe",
    ),
];

const SCRIPT: [&str; 5] = ["--seed", "1", "--cycles", "3", "--script=+c.-c"];

/// Runs the driver of `imports.c` with these macros.
fn run(workshop: &Workshop, defines: &[&str], arguments: &[&str]) -> Run {
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("i.sys", "imports.c", defines);
    sim(&provider, &client, arguments)
}

fn only(report: &Report) -> &Unsupported {
    let [unsupported] = &report.unsupported[..] else {
        panic!("{:?}", report.unsupported);
    };
    unsupported
}

/// What each of these drivers does.
const CALL: &str = "calls NoSuchFunction of ntoskrnl.exe";

#[test]
fn all_missing_imports_are_listed_and_hurt_nobody() {
    let workshop = Workshop::new();
    let run = run(&workshop, &[], &SCRIPT);
    let report = run.report();
    assert_eq!(run.status, Some(0), "{:?}", report.findings);
    assert_eq!(report.unsupported, []);
    let missing = &report.missing_imports["i.sys"];
    assert_eq!(
        missing.to_string(),
        "NoSuchCallout, ordinal 7 of fwpkclnt.sys; NoSuchFunction, NoSuchVariable of \
         ntoskrnl.exe"
    );
    assert_eq!(report.missing_imports.len(), 1);
    let first: Value = serde_json::from_str(run.out.lines().next().unwrap_or_default())
        .expect("the first line lists them");
    assert_eq!(first["missing_imports"]["image"], "i.sys");
}

#[test]
fn each_use_of_one_is_unsupported() {
    let workshop = Workshop::new();
    for (name, what) in USES {
        let run = run(&workshop, &[name], &SCRIPT);
        let report = run.report();
        assert_eq!(run.status, Some(2), "{name}: {:?}", report.findings);
        assert!(report.findings.is_empty(), "{name}: {:?}", report.findings);
        let unsupported = only(&report);
        let clause = format!("{what}, which the simulated kernel does not provide");
        assert_eq!(unsupported.what, clause, "{name}");
        assert_eq!(unsupported.driver, "i.sys", "{name}");
        assert_eq!((unsupported.cycle, unsupported.count), (0, 3), "{name}");
        let place = unsupported.place.as_ref().expect("there is a .pdb");
        assert_eq!(place.function, "UseOne", "{name}");
        let functions: BTreeSet<_> = unsupported
            .stack
            .iter()
            .filter_map(|frame| frame.place.as_ref())
            .map(|place| place.function.as_str())
            .collect();
        assert!(functions.contains("Unload"), "{name}: {functions:?}");
        assert_eq!(report.cycles_done, 3, "{name}");
        assert_eq!(report.cut_short(), 3, "{name}");
    }
}

#[test]
fn a_function_that_the_kernel_calls_for_the_driver_is_the_drivers() {
    let workshop = Workshop::new();
    let run = run(&workshop, &["RUNS_IT_AS_A_THREAD"], &SCRIPT);
    let report = run.report();
    let unsupported = only(&report);
    assert!(unsupported.what.starts_with(CALL), "{unsupported}");
    assert_eq!(unsupported.driver, "i.sys");
    assert_eq!(run.status, Some(2));
}

#[test]
fn a_finding_wins_and_both_are_reported() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &["FAULT_IN_ENTRY"]);
    let client = workshop.module("c.sys", Role::Client, &["UNKNOWN_IMPORT"]);
    let run = sim(&provider, &client, &["--seed", "1", "--cycles", "30"]);
    let report = run.report();
    assert_eq!(run.status, Some(1), "{}", run.err);
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    assert!(only(&report).what.starts_with(CALL), "{}", only(&report));
    let found: u64 = report.findings.iter().map(|it| it.count).sum();
    assert_eq!(found + report.cut_short(), 30);
}

#[test]
fn a_trace_ends_with_it_and_it_cannot_be_minimised() {
    let workshop = Workshop::new();
    let call = &["CALLS_FUNCTION"];
    let arguments = [&SCRIPT[..], &["--trace"]].concat();
    let [once, again] = [(); 2].map(|()| run(&workshop, call, &arguments));
    assert_eq!(once.status, Some(2), "{}", once.out);
    assert_eq!(once.out, again.out);
    let last = once.out.lines().last().unwrap_or_default();
    assert!(
        last.starts_with(&format!("UNSUPPORTED: i.sys {CALL}, which")),
        "{last}"
    );
    assert!(last.contains("imports.c:"), "{last}");
    let arguments = [&SCRIPT[..], &["--minimise"]].concat();
    let refused = run(&workshop, call, &arguments);
    assert_eq!(refused.status, Some(2), "{}", refused.out);
    assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
    assert!(
        refused.err.starts_with("error: UNSUPPORTED: i.sys calls "),
        "{}",
        refused.err
    );
}
