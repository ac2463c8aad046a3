// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls that fail on purpose: the pair survives each, and a module that does
//! not undo what it had done is found.

use std::path::PathBuf;

use scenarios::Role;

use crate::fixture::Workshop;
use crate::pair::driver;
use crate::program::sim;

#[test]
fn the_pair_survives_every_fault() {
    for (faults, kinds) in [("random", 3), ("systematic", 4)] {
        let arguments = ["--seed", "2", "--cycles", "240", "--faults", faults];
        let report = sim(&driver("provider.sys"), &driver("client.sys"), &arguments).report();
        assert!(report.is_clean(), "{faults}: {:#?}", report.findings);
        let met = |kind: &str| report.faults.keys().any(|fault| fault.starts_with(kind));
        let all = ["allocation", "thread", "registration", "attach"];
        assert!(all.into_iter().filter(|kind| met(kind)).count() >= kinds);
        assert_eq!(report.counts.loads, report.counts.unloads, "{faults}");
    }
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
