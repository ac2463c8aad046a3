// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kernel beyond what the pair needs: used rightly it is silent. The zoo has
//! what comes of wrong use.

use scenarios::Role;

use crate::fixture::Workshop;
use crate::program::sim;

#[test]
fn what_is_used_rightly_is_silent() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("s.sys", "surface.c", &[]);
    let run = sim(&provider, &client, &["--seed", "3", "--cycles", "500"]);
    let report = run.report();
    assert_eq!(run.status, Some(0), "{:?} {}", report.findings, run.err);
    assert_eq!(report.counts.leaks, 0);
}
