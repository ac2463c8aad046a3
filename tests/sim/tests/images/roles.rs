// SPDX-License-Identifier: MIT OR Apache-2.0

//! Two drivers each of which is the provider of one NPI and a client of another,
//! both of them NPIs that nobody has described.

use scenarios::{Coverage, Report};

use crate::fixture::Workshop;
use crate::program::sim_with_any_instances as sim;

/// What the client with this defect, if any, comes to.
fn run(defect: &[&str]) -> Report {
    let workshop = Workshop::new();
    let provider = workshop.compile("p.sys", "roles.c", &["PROVIDER"]);
    let client = workshop.compile("c.sys", "roles.c", defect);
    sim(
        &provider,
        &client,
        &["--seed=5", "--cycles=200", "--without=failed-entry"],
    )
    .report()
}

#[test]
fn both_roles_in_one_driver_are_silent_and_counted() {
    let report = run(&[]);
    assert!(report.is_clean(), "{:#?}", report.findings);
    let counts = &report.counts;
    assert_eq!(counts.registrations_provider, counts.loads);
    assert_eq!(counts.registrations_client, counts.loads);
    assert!(counts.calls >= counts.attaches, "{counts:?}");
    assert_eq!(counts.completions, 0);
    let [any, own] = [
        counts.deregistrations_overlapped,
        counts.deregistrations_overlapped_within,
    ];
    assert!(own > 0 && any > own, "{counts:?}");
}

#[test]
fn each_driver_walks_in_the_role_that_it_was_loaded_for() {
    let coverage = Coverage::of(&run(&[]));
    assert_eq!(coverage.edges.missing, [""; 0]);
    assert_eq!(coverage.beyond, [""; 0]);
}

#[test]
fn the_second_registration_is_looked_for_like_the_first() {
    for finding in run(&["FORGETS_ONE"]).findings {
        assert_eq!(finding.code, "R28", "{finding}");
        assert_eq!(finding.driver, "c.sys", "{finding}");
    }
    assert!(!run(&["FORGETS_ONE"]).is_clean());
}

#[test]
fn calls_under_way_are_in_flight_in_any_npi() {
    let findings = run(&["CALLS_UNGUARDED"]).findings;
    let codes: Vec<_> = findings.iter().map(|found| found.code.as_str()).collect();
    assert!(codes.contains(&"R19"), "{findings:#?}");
    let blamed = findings.iter().all(|found| found.driver == "c.sys");
    assert!(blamed, "{findings:#?}");
}
