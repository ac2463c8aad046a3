// SPDX-License-Identifier: MIT OR Apache-2.0

//! A lock that is held around a call into NMR and taken where that call waits
//! for is found in an order in which nothing stands still.

use scenarios::Role;

use crate::fixture::Workshop;
use crate::program::sim;

#[test]
fn a_deadlock_that_another_order_has_is_found() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    for (defect, script, function) in [
        // The detach callback has run when the client deregisters.
        (
            "DEREGISTERS_UNDER_LOCK",
            "+p.+c.-p.-c",
            "NmrDeregisterClient",
        ),
        // The attach callback has long returned when the client waits.
        (
            "WAITS_UNDER_MUTEX",
            "+p.+c.-c.-p",
            "NmrWaitForClientDeregisterComplete",
        ),
    ] {
        let defects = ["LOCKED_CALLBACKS", defect];
        let client = workshop.module("d.sys", Role::Client, &defects);
        let script = format!("--script={script}");
        let run = sim(&provider, &client, &["--seed=5", "--cycles=20", &script]);
        let findings = run.report().findings;
        assert_eq!(findings.len(), 1, "{defect}: {findings:?}");
        assert_eq!(findings[0].code, "R31", "{defect}: {}", findings[0]);
        assert_eq!(findings[0].driver, "d.sys", "{defect}: {}", findings[0]);
        assert!(findings[0].what.contains(function), "{}", findings[0]);
    }
}

#[test]
fn a_lock_that_one_thread_holds_from_completion_to_wait_is_fine() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let codes = |defects: &[&str]| {
        let client = workshop.module("c.sys", Role::Client, defects);
        let arguments = ["--seed=5", "--cycles=20", "--script=+p.+c.-c.-p"];
        let findings = sim(&provider, &client, &arguments).report().findings;
        let codes = findings.into_iter().map(|finding| finding.code);
        codes.collect::<Vec<_>>()
    };
    assert_eq!(codes(&["COMPLETES_UNDER_MUTEX"]), [""; 0]);
    // What another thread could do in between is an order.
    assert_eq!(
        codes(&["COMPLETES_UNDER_MUTEX", "RELEASES_BETWEEN"]),
        ["R31"]
    );
}

#[test]
fn locks_in_callbacks_alone_are_fine() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &["LOCKED_CALLBACKS"]);
    let client = workshop.module("c.sys", Role::Client, &["LOCKED_CALLBACKS"]);
    let run = sim(&provider, &client, &["--seed", "5", "--cycles", "500"]);
    assert_eq!(run.status, Some(0), "{:?}", run.report().findings);
}
