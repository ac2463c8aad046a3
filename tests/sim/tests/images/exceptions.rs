// SPDX-License-Identifier: MIT OR Apache-2.0

//! Structured exceptions: what a driver's handlers see of them, and what is a bug check.

use scenarios::{Report, Role};

use crate::fixture::{Workshop, check_found};
use crate::program::sim;

/// What comes of the client with these macros.
fn run(workshop: &Workshop, defines: &[&str], arguments: &[&str]) -> Report {
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("m.sys", "exceptions.c", defines);
    let usual = ["--seed=5", "--script=+c~300.-c"];
    sim(&provider, &client, &[&usual, arguments].concat()).report()
}

#[test]
fn exceptions_reach_the_handlers_that_want_them() {
    let workshop = Workshop::new();
    let report = run(&workshop, &[], &["--cycles=20"]);
    assert!(report.is_clean(), "{:#?}", report.findings);
}

#[test]
fn what_nobody_handles_is_a_bug_check_where_it_is() {
    const CASES: [(&str, &str, u64, &str); 9] = [
        ("Raise(NULL)", "0x1E", 0xE000_0001, "RaiseIt"),
        ("Read(gone)", "0xCC", 0, "ReadIt"),
        ("Read((LONG *)0xFFFF923456789000)", "0x50", 0, "ReadIt"),
        (
            "KfRaiseIrql(DISPATCH_LEVEL); Read(USER)",
            "0xD1",
            0,
            "ReadIt",
        ),
        ("Copy(gone)", "0xCC", 0, "CopyIt"),
        ("Fill((LONG *)0xFFFF923456789000)", "0x50", 0, "FillIt"),
        (
            "KfRaiseIrql(DISPATCH_LEVEL); Copy(USER)",
            "0xA",
            0,
            "CopyIt",
        ),
        ("GoesOn()", "0x1E", 0xC000_0025, "RaiseIt"),
        ("Loses()", "0x1E", 0xE000_0002, "RaiseOther"),
    ];
    let workshop = Workshop::new();
    for (misuse, code, first, function) in CASES {
        let define = format!("MISUSE={misuse}");
        let report = run(&workshop, &[&define], &["--cycles=1"]);
        assert_eq!(report.findings.len(), 1, "{misuse}: {:#?}", report.findings);
        check_found(&report, misuse, code, first, function);
    }
}
