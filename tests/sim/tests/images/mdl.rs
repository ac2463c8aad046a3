// SPDX-License-Identifier: MIT OR Apache-2.0

//! Memory descriptor lists: what a driver may do with them, and each thing that it may not.

use scenarios::{Report, Role};

use crate::fixture::{Workshop, check_found};
use crate::program::sim;

/// What comes of the client with these macros.
fn run(workshop: &Workshop, defines: &[&str], arguments: &[&str]) -> Report {
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("m.sys", "mdl.c", defines);
    let usual = ["--seed=5", "--script=+c~300.-c"];
    sim(&provider, &client, &[&usual, arguments].concat()).report()
}

#[test]
fn a_driver_may_describe_lock_and_map_its_memory() {
    let workshop = Workshop::new();
    for faults in ["none", "random", "systematic"] {
        let faults = format!("--faults={faults}");
        let report = run(&workshop, &[], &["--cycles=60", &faults]);
        assert!(report.is_clean(), "{faults}: {:#?}", report.findings);
    }
}

#[test]
fn each_misuse_is_found_where_it_is() {
    const MISUSES: [(&str, &str, u64, &str); 15] = [
        ("PART_TOO_LONG", "0xC4", 0, "UsePart"),
        ("UNLOCKS_PART", "0xC4", 0xB4, "UsePart"),
        ("REUSES_PART", "0xC4", 0, "UsePart"),
        ("MAPS_UNLOCKED", "0xC4", 0xB3, "Lock"),
        ("LOCKS_AT_DISPATCH", "0xA", 0, "Lock"),
        ("LOCKS_TWICE", "0xC4", 0xB0, "Lock"),
        ("MAPS_TWICE", "0xC4", 0xB2, "Lock"),
        ("UNMAPS_ELSEWHERE", "0xDA", 0, "Lock"),
        ("TOUCHES_UNMAPPED", "0xCC", 0, "Lock"),
        ("TOUCHES_PAGED", "0xD1", 0, "Lock"),
        ("UNLOCKS_NONPAGED", "0xC4", 0x7D, "Describe"),
        ("LOCKS_NONPAGED", "0xC4", 0xB0, "Describe"),
        ("FREES_MAPPED", "0xC4", 0xB8, "Describe"),
        ("FREES_AS_POOL", "0xC4", 0, "Describe"),
        ("FREES_OWN", "0xC2", 0x42, "LockGlobal"),
    ];
    let workshop = Workshop::new();
    for (misuse, code, first, function) in MISUSES {
        let report = run(&workshop, &[misuse], &["--cycles=1"]);
        assert_eq!(report.findings.len(), 1, "{misuse}: {:#?}", report.findings);
        check_found(&report, misuse, code, first, function);
    }
}

#[test]
fn pages_that_are_not_there_cannot_be_locked() {
    let report = run(&Workshop::new(), &["LOCKS_NOTHING"], &["--cycles=1"]);
    let [found] = &report.findings[..] else {
        panic!("{:#?}", report.findings);
    };
    assert_eq!(found.code, "0x1E");
    assert!(found.what.contains("MmProbeAndLockPages raised"), "{found}");
}
