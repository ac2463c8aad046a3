// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kernel beyond what the pair needs: used rightly it is silent, used
//! wrongly it ends in the bug check of Windows or Driver Verifier. The zoo has more
//! of the latter.

use scenarios::Role;

use crate::fixture::Workshop;
use crate::program::sim;

/// A macro of `surface.c`, the finding's code and the first parameter of the bug
/// check where it has any, and what it says.
const DEFECTS: &[(&str, &str, Option<u64>, &str)] = &[
    (
        "RESOURCE_WITH_APCS",
        "0xC4",
        Some(0x37),
        "an ERESOURCE was acquired with APCs enabled",
    ),
    (
        "CALLS_DISCARDED",
        "0x50",
        None,
        "which was discarded after DriverEntry",
    ),
];

#[test]
fn what_is_used_rightly_is_silent() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("s.sys", "surface.c", &[]);
    let run = sim(&provider, &client, &["--seed", "3", "--cycles", "500"]);
    let report = run.report();
    assert!(report.is_clean(), "{:?} {}", report.findings, run.err);
    assert_eq!(report.counts.leaks, Some(0));
}

#[test]
fn what_is_used_wrongly_is_found() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    for (name, code, parameter, says) in DEFECTS {
        let client = workshop.compile("s.sys", "surface.c", &[name]);
        let run = sim(&provider, &client, &["--seed", "3", "--cycles", "50"]);
        let report = run.report();
        assert_eq!(run.status, Some(1), "{name}: {}", run.err);
        for finding in &report.findings {
            assert_eq!(finding.code, *code, "{name}: {finding}");
            if parameter.is_some() {
                let first = finding.parameters.map(|[first, ..]| first);
                assert_eq!(first, *parameter, "{name}: {finding}");
            }
            assert_eq!(finding.driver, "s.sys", "{name}: {finding}");
            assert!(finding.what.contains(says), "{name}: {finding}");
        }
    }
}
