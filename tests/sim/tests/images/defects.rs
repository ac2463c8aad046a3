// SPDX-License-Identifier: MIT OR Apache-2.0

//! What traps the processor, and what the scheduler and the service control
//! manager see by themselves, is found under its code and in the right driver; the
//! module without it passes. All other defects are in the zoo.

use scenarios::{Finding, Role};

use crate::fixture::Workshop;
use crate::program::sim;

/// A macro of `fixture.c`, the finding's code, and what it says.
const DEFECTS: &[(&str, &str, &str)] = &[
    ("NULL_DEREFERENCE", "0x7E", "wrote to address 0"),
    ("JUMP_TO_NULL", "0x7E", "jumped to address 0"),
    (
        "IMPOSSIBLE_ADDRESS",
        "0x7E",
        "wrote to address 0xdead000000000000, which cannot exist",
    ),
    (
        "IMPOSSIBLE_EVENT",
        "0x7E",
        "which cannot exist, in KeSetEvent",
    ),
    ("WILD_EVENT", "0x50", "where nothing is, in KeSetEvent"),
    ("FAST_FAIL", "0x139", "fast fail with code 7"),
    ("STACK_OVERFLOW", "0x7F", "overflowed"),
    ("WRITE_TO_CODE", "0xBE", "read-only"),
    ("ENDLESS_LOOP", "hang", "calls nobody"),
    (
        "DEADLOCK",
        "deadlock",
        "unload client waits for the object at d.sys+",
    ),
    ("ENTRY_FAILS", "load", "0xc0000001"),
];

#[test]
fn each_defect_is_found_in_its_driver() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    for (name, code, says) in DEFECTS {
        let client = workshop.module("d.sys", Role::Client, &[name]);
        let run = sim(&provider, &client, &["--seed", "5", "--cycles", "3"]);
        let report = run.report();
        assert_eq!(run.status, Some(1), "{name}: {}", run.err);
        assert_eq!(report.cycles_done, 3, "{name}: a finding ended the run");
        assert!(!report.findings.is_empty(), "{name}: not found");
        for finding in &report.findings {
            assert_eq!(finding.driver, "d.sys", "{name}: {finding}");
            assert_eq!(finding.code, *code, "{name}: {finding}");
            assert!(finding.what.contains(says), "{name}: {finding}");
        }
    }
}

/// The finding of a client with these defects.
fn finding(defects: &[&str]) -> Finding {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.module("d.sys", Role::Client, defects);
    let run = sim(&provider, &client, &["--seed", "5", "--cycles", "1"]);
    run.report().findings.remove(0)
}

/// The parameters of a bug check of one defect; `None` is one that may differ.
fn check_parameters(name: &'static str, expected: [Option<u64>; 4]) {
    let finding = finding(&[name]);
    let parameters = finding.parameters.expect("it is documented");
    for (is, expected) in parameters.iter().zip(expected) {
        assert!(expected.is_none_or(|expected| expected == *is), "{finding}");
    }
    let shown = parameters.map(|one| format!("{one:#x}")).join(", ");
    assert!(
        finding.to_string().contains(&format!("({shown})")),
        "{finding}"
    );
}

#[test]
fn a_bug_check_has_its_documented_parameters() {
    const WILD: u64 = 0xFFFF_9234_5678_9000;
    check_parameters(
        "NULL_DEREFERENCE",
        [Some(0xC000_0005), None, Some(0), Some(0)],
    );
    check_parameters("IMPOSSIBLE_EVENT", [Some(0xC000_0005), None, Some(0), None]);
    check_parameters("WILD_EVENT", [None, Some(0), None, None]);
    check_parameters("WILD_WRITE", [Some(WILD), Some(2), None, None]);
    check_parameters("WILD_JUMP", [Some(WILD), Some(0x10), Some(WILD), None]);
    check_parameters("FAST_FAIL", [Some(7), Some(0), Some(0), Some(0)]);
    check_parameters("STACK_OVERFLOW", [Some(8), Some(0), Some(0), Some(0)]);
}

#[test]
fn a_module_id_that_is_none_is_found_where_it_is_registered() {
    for (define, says) in [
        ("MODULE_ID_LENGTH=16", "ModuleId's Length is 16, not 24"),
        ("MODULE_ID_TYPE=0", "ModuleId's Type is 0, neither MIT_GUID"),
    ] {
        let finding = finding(&[define]);
        assert_eq!((&*finding.code, &*finding.driver), ("R1", "d.sys"));
        assert!(finding.what.starts_with(says), "{finding}");
        let place = finding.place.as_ref().expect("there is a .pdb");
        assert_eq!(place.function, "DriverEntry", "{finding}");
    }
}

#[test]
fn a_completion_in_vain_is_found_where_it_was_made() {
    let finding = finding(&["COMPLETES_IN_VAIN"]);
    assert_eq!((&*finding.code, &*finding.driver), ("R20", "d.sys"));
    assert!(
        finding
            .what
            .contains("before ClientDetachProvider returned STATUS_SUCCESS"),
        "{finding}"
    );
    let place = finding.place.as_ref().expect("there is a .pdb");
    assert_eq!(place.function, "CompletesEarly", "{finding}");
}

#[test]
fn too_high_an_irql_is_the_drivers_fault_or_the_kernels() {
    assert_eq!(finding(&["WILD_WRITE", "AT_DISPATCH"]).code, "0xD1");
    assert_eq!(finding(&["WILD_JUMP", "AT_DISPATCH"]).code, "0xD1");
    assert_eq!(finding(&["WILD_EVENT", "AT_DISPATCH"]).code, "0xA");
}

#[test]
fn a_fault_in_the_kernel_is_the_same_finding_in_every_process() {
    for defect in ["IMPOSSIBLE_EVENT", "WILD_EVENT"] {
        let (once, again) = (finding(&[defect]), finding(&[defect]));
        assert_eq!(once.parameters, again.parameters, "{defect}");
        assert_eq!(once.what, again.what, "{defect}");
    }
}

#[test]
fn the_module_without_a_defect_passes() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.module("c.sys", Role::Client, &[]);
    let run = sim(&provider, &client, &["--seed", "5", "--cycles", "500"]);
    let report = run.report();
    assert_eq!(run.status, Some(0), "{:?}", report.findings);
    assert!(report.counts.every_driver_ended());
    assert_eq!(report.counts.leaks, Some(0));
}

#[test]
fn a_finding_replays_alone_with_the_same_trace() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.module("d.sys", Role::Client, &["JOIN_BY_EVENT"]);
    let found = sim(&provider, &client, &["--seed", "5", "--cycles", "500"]).report();
    let cycle = found.findings[0].cycle.to_string();
    let replay = || {
        let arguments = ["--seed", "5", "--first", &cycle, "--cycles", "1", "--trace"];
        sim(&provider, &client, &arguments)
    };
    let (once, again) = (replay(), replay());
    assert_eq!(once.status, Some(1));
    assert!(once.out.contains("FINDING 0xCE d.sys"), "{}", once.out);
    assert_eq!(once.out, again.out);
}
