// SPDX-License-Identifier: MIT OR Apache-2.0

//! Named devices: who may open them, and what an open one does to an unload.

use scenarios::{Counts, Finding, Role};

use crate::fixture::Workshop;
use crate::program::{Run, sim};

/// What comes of a client with a control device and these macros.
fn run(defines: &[&str], arguments: &[&str]) -> Run {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("c.sys", "control.c", defines);
    let arguments = [&["--seed=5"], arguments].concat();
    sim(&provider, &client, &arguments)
}

fn counts(defines: &[&str]) -> Counts {
    let report = run(defines, &["--cycles=200"]).report();
    assert!(report.is_clean(), "{defines:?}: {:#?}", report.findings);
    report.counts
}

fn findings(defines: &[&str]) -> Vec<Finding> {
    let report = run(defines, &["--cycles=200"]).report();
    assert!(!report.is_clean(), "{defines:?}: nothing was found");
    report.findings
}

#[test]
fn a_handle_is_used_for_no_more_than_it_was_opened_for() {
    let run = run(&[], &["--cycles=40", "--trace"]);
    assert_eq!(run.status, Some(0), "{}", run.err);
    for refused in ["needs 0x1 and is refused", "needs 0x2 and is refused"] {
        assert!(run.out.contains(refused), "{refused}");
    }
}

#[test]
fn a_driver_that_counts_on_a_file_meets_a_request_of_another_driver() {
    let found = findings(&["NEEDS_FILE"]);
    assert!(
        found
            .iter()
            .all(|one| one.code == "0x7E" && one.what.contains("near null")),
        "{found:#?}"
    );
}

#[test]
fn open_handles_put_an_unload_off() {
    let counts = counts(&[]);
    assert!(
        counts.requests > 0 && counts.unloads_deferred > 0,
        "{counts:?}"
    );
    assert_eq!(counts.gate_refusals, 0);
    assert!(counts.every_driver_ended());
    // A shutdown refuses some, and ends before others do.
    let begun: u64 = counts.mechanisms.values().sum();
    let unfinished = begun - counts.loads - counts.unloads - counts.failed_entries;
    assert!(unfinished <= 2 * counts.shutdowns, "{unfinished}");
    assert_eq!(counts.mechanisms.len(), 3);
}

#[test]
fn a_driver_that_takes_its_unload_routine_away_for_a_while_goes_later() {
    let counts = counts(&["HOLDS"]);
    assert!(counts.gate_refusals > 0, "{counts:?}");
    assert!(counts.every_driver_ended());
}

#[test]
fn a_driver_that_does_not_give_it_back_in_time_is_found() {
    for (defect, code) in [("NEVER_RELEASES", "unload"), ("HOLDS_TOO_LATE", "0x7E")] {
        let found = findings(&[defect]);
        let codes: Vec<_> = found.iter().map(|found| found.code.as_str()).collect();
        assert!(codes.contains(&code), "{defect}: {found:#?}");
        // Whether the unload was granted before is up to the schedule.
        let known = |code: &&str| ["0x7E", "unload"].contains(code);
        assert!(codes.iter().all(known), "{defect}: {found:#?}");
    }
}

#[test]
fn a_device_for_administrators_is_closed_to_others() {
    const DENIED: &str = "User cannot open";
    let refused = |out: &str| {
        let lines = out.lines().filter(|line| line.contains(DENIED));
        lines.filter(|line| line.ends_with("0xc0000022")).count()
    };
    let secured = run(&["SECURED"], &["--cycles=200", "--trace"]).out;
    assert!(refused(&secured) > 0);
    assert!(!secured.contains("Administrator cannot open \\??\\control1: 0xc0000022"));
    assert!(secured.contains(r"\??\control1"), "nobody tried the link");
    assert_eq!(refused(&run(&[], &["--cycles=200", "--trace"]).out), 0);
}

#[test]
fn each_step_of_making_a_device_is_undone() {
    let faults = ["--faults=systematic", "--cycles=400"];
    let clean = run(&["SECURED"], &faults).report();
    assert!(clean.findings.is_empty(), "{:#?}", clean.findings);
    for kind in ["device", "link", "handle", "security"] {
        assert!(clean.faults.keys().any(|it| it.starts_with(kind)), "{kind}");
    }
    let left = run(&["SECURED", "NO_ROLLBACK"], &faults).report().findings;
    let device = |found: &Finding| found.what.contains("a device object is left");
    assert!(left.iter().any(device), "{left:#?}");
    let handle = run(&["SECURED", "HANDLE_LEFT"], &["--cycles=20"])
        .report()
        .findings;
    assert!(
        handle
            .iter()
            .all(|found| found.what.contains("a handle of a device object is left")),
        "{handle:#?}"
    );
    assert!(!handle.is_empty());
}
