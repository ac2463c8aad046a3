// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kernel beyond what the pair needs: used rightly it is silent, used
//! wrongly it ends in the bug check of Windows or Driver Verifier.

use scenarios::Role;

use crate::fixture::Workshop;
use crate::program::sim;

/// A macro of `surface.c`, the code of the finding, and what that says.
const DEFECTS: &[(&str, &str, &str)] = &[
    ("TIMER_LEFT", "0xCE", "a timer that is set is left"),
    ("DPC_LEFT", "0xCE", "a queued DPC is left"),
    (
        "BLOCKS_IN_DPC",
        "0xA",
        "KeDelayExecutionThread was called at",
    ),
    (
        "DPC_LOWERS",
        "0xC8",
        "a DPC routine returned at PASSIVE_LEVEL",
    ),
    ("WORK_KEEPS_LOCK", "0xC4", "returned with a mutex held"),
    ("QUEUED_ITEM_FREED", "0xE4", "freed while it is queued"),
    (
        "TIMER_IN_FREED_POOL",
        "0xC7",
        "freed with a timer that is set",
    ),
    ("RUNDOWN_NOT_RELEASED", "deadlock", "waits for"),
    ("RUNDOWN_UNDERFLOW", "0xC4", "had not been acquired"),
    ("LOCK_ORDER", "0xC4", "(0x1001)"),
    ("SELF_DEADLOCK", "0xC4", "(0x1000)"),
    ("FOREIGN_RELEASE", "0x1E", "does not own it"),
    ("IN_REGION", "0x1", "critical region"),
    ("RESOURCE_LEFT", "0xCE", "an ERESOURCE is left"),
    ("LOOKASIDE_LEFT", "0xCE", "a lookaside list is left"),
    (
        "LINK_LEFT",
        "leak",
        r"the symbolic link \dosdevices\surface",
    ),
    ("DEVICE_LEFT", "0xCE", "a device object is left"),
    ("ETW_LEFT", "0xCE", "an ETW provider is left"),
];

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

#[test]
fn what_is_used_wrongly_is_found() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    for (name, code, says) in DEFECTS {
        let client = workshop.compile("s.sys", "surface.c", &[name]);
        let run = sim(&provider, &client, &["--seed", "3", "--cycles", "50"]);
        let report = run.report();
        assert_eq!(run.status, Some(1), "{name}: {}", run.err);
        for finding in &report.findings {
            assert_eq!(finding.code, *code, "{name}: {finding}");
            assert_eq!(finding.driver, "s.sys", "{name}: {finding}");
            assert!(finding.what.contains(says), "{name}: {finding}");
        }
    }
}
