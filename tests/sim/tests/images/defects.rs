// SPDX-License-Identifier: MIT OR Apache-2.0

//! Each defect is found under its code and in the right driver, and the module
//! without it passes.

use std::path::PathBuf;

use scenarios::{Finding, Role};

use crate::fixture::Workshop;
use crate::program::sim;

/// A defect of a module, and how it must be reported.
struct Defect {
    name: &'static str,
    role: Role,
    /// What must be wrong with the peer for it to show.
    peer: &'static [&'static str],
    cycles: u64,
    code: &'static str,
    says: &'static str,
}

const fn defect(name: &'static str, code: &'static str, says: &'static str) -> Defect {
    Defect {
        name,
        role: Role::Client,
        peer: &[],
        cycles: 50,
        code,
        says,
    }
}

impl Defect {
    const fn in_provider(self) -> Self {
        Self {
            role: Role::Provider,
            ..self
        }
    }

    const fn with_peer(self, peer: &'static [&'static str]) -> Self {
        Self { peer, ..self }
    }

    const fn within(self, cycles: u64) -> Self {
        Self { cycles, ..self }
    }
}

const DEFECTS: &[Defect] = &[
    defect("MISSING_WAIT", "R28", "has not waited"),
    defect("MISSING_WAIT", "R28", "has not waited").in_provider(),
    defect("FORGOTTEN_DEREGISTER", "R29", "has not deregistered"),
    defect("LEAK", "0xC4", "100 bytes, are left, the first"),
    defect("THREAD_LEFT", "0xCE", "still runs"),
    defect("JOIN_BY_EVENT", "0xCE", "still runs").within(500),
    defect("NULL_DEREFERENCE", "0x7E", "wrote to address 0"),
    defect("JUMP_TO_NULL", "0x7E", "jumped to address 0"),
    defect("PRIVILEGED", "0x7E", "privileged instruction"),
    defect("IMPOSSIBLE_ADDRESS", "0x7E", "an address that cannot exist"),
    defect("IMPOSSIBLE_EVENT", "0x7E", "an address that cannot exist"),
    defect("WILD_EVENT", "0x50", "where nothing is, in KeSetEvent"),
    defect("FAST_FAIL", "0x139", "fast fail with code 7"),
    defect("STACK_OVERFLOW", "0x7F", "overflowed"),
    defect("WRITE_TO_CODE", "0xBE", "read-only"),
    defect("ENDLESS_LOOP", "hang", "calls nobody").within(1),
    defect(
        "DEADLOCK",
        "deadlock",
        "unload client waits for the object at d.sys+",
    )
    .within(3),
    defect("UNINITIALISED_EVENT", "0xC4", "not initialised"),
    defect("WAIT_AT_DISPATCH", "0xC4", "would block at DISPATCH_LEVEL"),
    defect(
        "PASSIVE_CALL_AT_DISPATCH",
        "0xA",
        "its limit is PASSIVE_LEVEL",
    ),
    defect(
        "IRQL_LEFT",
        "0xC8",
        "DriverUnload returned at DISPATCH_LEVEL",
    ),
    defect("USE_AFTER_FREE", "0xCC", "freed"),
    defect("OVERRUN", "0xC1", "beyond its end"),
    defect("FAR_OVERRUN", "0xCD", "beyond its end"),
    defect("DOUBLE_FREE", "0xC2", "freed twice"),
    defect("WRONG_TAG", "0xC2", "freed with tag Wrng"),
    defect("HANDLE_LEFT", "leak", "a handle of a thread is left"),
    defect("NO_UNLOAD", "unload", "no DriverUnload"),
    defect("ENTRY_FAILS", "load", "0xc0000001"),
    defect("PATH_KEPT", "0xCC", "tag Driv"),
    defect(
        "CALL_IN_ATTACH",
        "R15",
        "before ProviderAttachClient had accepted",
    )
    .in_provider(),
    defect(
        "CALL_AFTER_DETACH",
        "R18",
        "after the Client had completed its detach",
    ),
    defect("DETACH_WITH_CALLS", "R19", "of its calls under way").with_peer(&["SLOW"]),
];

/// The two images of a run in which only the defect's module is wrong.
fn images(workshop: &Workshop, defect: &Defect) -> (PathBuf, PathBuf) {
    let wrong = workshop.module("d.sys", defect.role, &[defect.name]);
    let peer = workshop.module("peer.sys", defect.role.peer(), defect.peer);
    match defect.role {
        Role::Provider => (wrong, peer),
        Role::Client => (peer, wrong),
    }
}

#[test]
fn each_defect_is_found_in_its_driver() {
    let workshop = Workshop::new();
    for defect in DEFECTS {
        let (provider, client) = images(&workshop, defect);
        let cycles = defect.cycles.to_string();
        let run = sim(&provider, &client, &["--seed", "5", "--cycles", &cycles]);
        let report = run.report();
        let name = defect.name;
        assert_eq!(run.status, Some(1), "{name}: {}", run.err);
        assert_eq!(
            report.cycles_done, defect.cycles,
            "{name}: a finding ended the run"
        );
        assert!(!report.findings.is_empty(), "{name}: not found");
        for finding in &report.findings {
            assert_eq!(finding.driver, "d.sys", "{name}: {finding}");
            assert_eq!(finding.code, defect.code, "{name}: {finding}");
            assert!(finding.what.contains(defect.says), "{name}: {finding}");
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
    const WILD: u64 = 0x1234_5678_9000;
    let tag = u64::from(u32::from_be_bytes(*b"ooZ "));
    let wrong = u64::from(u32::from_be_bytes(*b"gnrW"));
    check_parameters("LEAK", [Some(0x62), Some(0), Some(0), Some(1)]);
    check_parameters("WRONG_TAG", [Some(0x0A), None, Some(tag), Some(wrong)]);
    check_parameters("DOUBLE_FREE", [Some(0x07), Some(0), Some(0), None]);
    check_parameters("OVERRUN", [None, None, Some(0), Some(0x24)]);
    check_parameters("USE_AFTER_FREE", [None, Some(1), None, Some(0)]);
    check_parameters(
        "NULL_DEREFERENCE",
        [Some(0xC000_0005), None, Some(0), Some(0)],
    );
    check_parameters("IMPOSSIBLE_EVENT", [Some(0xC000_0005), None, Some(0), None]);
    check_parameters("PRIVILEGED", [Some(0xC000_0096), None, Some(0), None]);
    check_parameters("WILD_EVENT", [None, Some(0), None, None]);
    check_parameters("WILD_WRITE", [Some(WILD), Some(2), None, None]);
    check_parameters("WILD_JUMP", [Some(WILD), Some(0x10), Some(WILD), None]);
    check_parameters("FAST_FAIL", [Some(7), Some(0), Some(0), Some(0)]);
    check_parameters("STACK_OVERFLOW", [Some(8), Some(0), Some(0), Some(0)]);
    check_parameters("WAIT_AT_DISPATCH", [Some(0x121), Some(0), None, Some(0)]);
    check_parameters("IRQL_LEFT", [Some(0x2_00_02), Some(0), Some(0), Some(0)]);
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
    for harmless in [&[][..], &["SLOW"]] {
        let provider = workshop.module("p.sys", Role::Provider, harmless);
        let client = workshop.module("c.sys", Role::Client, &[]);
        let run = sim(&provider, &client, &["--seed", "5", "--cycles", "500"]);
        let report = run.report();
        assert_eq!(run.status, Some(0), "{:?}", report.findings);
        assert_eq!(report.counts.loads, report.counts.unloads);
        assert_eq!(report.counts.leaks, 0);
    }
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
