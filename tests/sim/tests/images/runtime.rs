// SPDX-License-Identifier: MIT OR Apache-2.0

//! The C runtime of the kernel, strings of bytes, stacks and GUIDs: what the functions
//! return, and that what goes wrong in them is the driver's, at its line.

use scenarios::{Finding, Role};

use crate::fixture::Workshop;
use crate::program::sim;

#[test]
fn the_functions_do_what_is_documented() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("r.sys", "runtime.c", &[]);
    for faults in ["--faults=none", "--faults=systematic"] {
        let arguments = ["--seed", "3", "--cycles", "20", faults];
        let run = sim(&provider, &client, &arguments);
        let report = run.report();
        assert!(report.is_clean(), "{:?} {}", report.findings, run.err);
    }
}

/// A macro of `runtime.c`, the finding's code, what it says, and the function that
/// it is in.
const MISTAKES: &[(&str, &str, &str, &str)] = &[
    ("OVERRUNS", "0xCD", "in strcpy", "Mistakes"),
    ("UNTERMINATED", "0xCD", "in strlen", "Mistakes"),
    ("NULL_STRING", "0x7E", "in _snprintf", "Mistakes"),
    ("USES_FREED", "0xCC", "in strcmp", "Mistakes"),
    ("KEEPS_STRING", "0xC4", "with tag Strg", "Others"),
    ("RAISES_IN_CALLOUT", "0xC8", "ExpandedStackCall", "OnStack"),
];

#[test]
fn mistakes_in_them_are_the_drivers() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    for (name, code, says, function) in MISTAKES {
        let client = workshop.compile("r.sys", "runtime.c", &[name]);
        let run = sim(&provider, &client, &["--seed", "3", "--cycles", "4"]);
        let report = run.report();
        assert!(!report.findings.is_empty(), "{name}: not found {}", run.err);
        // In cycles in which a block begins where its page begins, it is seen when it is freed.
        let at_free = |finding: &&Finding| *name == "OVERRUNS" && finding.code == "0xC1";
        for finding in report.findings.iter().filter(|it| !at_free(it)) {
            assert_eq!(finding.driver, "r.sys", "{name}: {finding}");
            assert_eq!(finding.code, *code, "{name}: {finding}");
            assert!(finding.what.contains(says), "{name}: {finding}");
            let place = finding.place.as_ref();
            let place = place.unwrap_or_else(|| panic!("{name}: {finding}"));
            assert_eq!(place.function, *function, "{name}: {finding}");
        }
    }
}
