// SPDX-License-Identifier: MIT OR Apache-2.0

//! Threads, DPCs and processors: what the documents promise holds in every cycle.

use scenarios::Role;

use crate::fixture::Workshop;
use crate::program::sim;

#[test]
fn what_is_promised_of_processors_holds() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("d.sys", "processors.c", &[]);
    let arguments = ["--seed", "5", "--cycles", "150", "--faults", "none"];
    let report = sim(&provider, &client, &arguments).report();
    assert!(report.is_clean(), "{:?}", report.findings);
}
