// SPDX-License-Identifier: MIT OR Apache-2.0

//! A kernel object in the stack frame of a function that has returned: the finding names
//! that function.

use scenarios::Role;

use crate::fixture::Workshop;
use crate::program::sim;

const CYCLES: [&str; 4] = ["--seed", "5", "--cycles", "100"];

#[test]
fn an_object_in_a_dead_frame_names_the_function_that_had_it() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    for (defect, code, at, owner, line) in [
        ("EVENT", "0xC4", "Work", "LendEvent of d.sys", 18),
        ("TIMER", "0xC7", "LendTimer", "LendTimer of d.sys", 33),
        ("DPC", "0xC7", "LendDpc", "LendDpc of d.sys", 44),
    ] {
        let client = workshop.compile("d.sys", "dead_frame.c", &[defect]);
        let run = sim(&provider, &client, &CYCLES);
        let findings = run.report().findings;
        let finding = findings.first().expect(defect);
        assert_eq!((&*finding.code, &*finding.driver), (code, "d.sys"));
        let place = finding.place.as_ref().expect("there is a .pdb");
        assert_eq!(place.function, at, "{finding}");
        let (before, after) = finding.what.split_once(owner).expect(owner);
        assert!(before.ends_with("lies in the stack frame of "), "{finding}");
        let line = format!("dead_frame.c:{line}), which has returned");
        assert!(after.ends_with(&line), "{finding}");
    }
}

#[test]
fn an_object_on_the_stack_of_a_function_that_waits_is_right() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("d.sys", "dead_frame.c", &[]);
    let report = sim(&provider, &client, &CYCLES).report();
    assert!(report.is_clean(), "{:?}", report.findings);
}
