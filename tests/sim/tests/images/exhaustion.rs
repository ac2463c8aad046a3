// SPDX-License-Identifier: MIT OR Apache-2.0

//! A driver that takes without end, or leads the kernel round in circles, ends in
//! a finding and not in the end of the process: the next cycles run.

use scenarios::Role;

use crate::fixture::Workshop;
use crate::program::sim;

/// A macro of `greedy.c`, the finding's code, and what it says.
const GREED: &[(&str, &str, &str)] = &[
    ("POOL=16", "0xC4", "blocks of pool"),
    ("POOL=0x100000", "0xC4", "blocks of pool"),
    ("THREADS=-1000000000", "0xCE", "still runs"),
    ("BINDINGS", "livelock", "more bindings come and go"),
    ("DEVICES=1", "hang", "devices has no end"),
    ("DEVICES=2", "hang", "devices has no end"),
];

#[test]
fn who_takes_without_end_is_found() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    for (name, code, says) in GREED {
        let client = workshop.compile("d.sys", "greedy.c", &[name]);
        let arguments = ["--seed=5", "--cycles=2", "--script=+p.+c.-c.+c.-c.-p"];
        let run = sim(&provider, &client, &arguments);
        assert_eq!(run.status, Some(1), "{name}: {}", run.err);
        let report = run.report();
        assert_eq!(report.cycles_done, 2, "{name}");
        assert!(!report.findings.is_empty(), "{name}: not found");
        for finding in &report.findings {
            assert_eq!(finding.code, *code, "{name}: {finding}");
            assert_eq!(finding.driver, "d.sys", "{name}: {finding}");
            assert!(finding.what.contains(says), "{name}: {finding}");
        }
    }
}

#[test]
fn who_takes_much_and_gives_it_back_is_not_accused() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    for defines in [
        &["WAITERS=300"][..],
        // A work item of the I/O manager keeps the image, also where it is not loaded.
        &["QUEUES", "RETURNS=(-1)"],
    ] {
        let client = workshop.compile("d.sys", "greedy.c", defines);
        let arguments = [
            "--seed=5",
            "--cycles=20",
            "--script=+p.+c.-c.-p",
            "--may-refuse",
        ];
        let report = sim(&provider, &client, &arguments).report();
        assert!(
            report.findings.is_empty(),
            "{defines:?}: {:#?}",
            report.findings
        );
        assert_eq!(report.counts.cycles_cut_short, 0, "{defines:?}");
    }
}

#[test]
fn a_driver_that_uses_up_the_pool_is_not_advised_to_refuse() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    for (defines, code, says) in [
        (
            &["POOL=4096", "REFUSES", "LEAKS"][..],
            "0xC4",
            "that has used up the pool",
        ),
        (
            &["POOL=4096", "REFUSES"],
            "load",
            "in d.sys after the pool was used up: ",
        ),
    ] {
        let client = workshop.compile("d.sys", "greedy.c", defines);
        let arguments = ["--seed=5", "--cycles=1", "--script=+p.+c.-c.-p"];
        let report = sim(&provider, &client, &arguments).report();
        let finding = &report.findings[0];
        assert_eq!((&*finding.code, &*finding.driver), (code, "d.sys"));
        assert!(finding.what.contains(says), "{finding}");
        assert!(!finding.what.contains("--may-refuse"), "{finding}");
        let place = finding.place.as_ref().expect("there is a .pdb");
        assert_eq!(place.function, "Take", "{finding}");
    }
}
