// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kernel beyond what the pair needs: used rightly it is silent, used
//! wrongly it ends in the bug check of Windows or Driver Verifier.

use scenarios::Role;

use crate::fixture::Workshop;
use crate::program::sim;

/// A macro of `surface.c`, the finding's code and the first parameter of the bug
/// check where it has any, and what it says.
const DEFECTS: &[(&str, &str, Option<u64>, &str)] = &[
    ("TIMER_LEFT", "0xCE", None, "a timer that is set is left"),
    ("DPC_LEFT", "0xCE", None, "a queued DPC is left"),
    (
        "BLOCKS_IN_DPC",
        "0xA",
        Some(0),
        "KeDelayExecutionThread was called at",
    ),
    (
        "DPC_LOWERS",
        "0xC8",
        Some(0x0_02_02),
        "a DPC routine returned at PASSIVE_LEVEL",
    ),
    (
        "WORK_KEEPS_LOCK",
        "0xC4",
        None,
        "returned with a mutex held",
    ),
    (
        "QUEUED_ITEM_FREED",
        "0xE4",
        Some(0x2),
        "freed while it is queued",
    ),
    (
        "TIMER_IN_FREED_POOL",
        "0xC7",
        Some(0x0),
        "freed with a timer that is set",
    ),
    ("RUNDOWN_NOT_RELEASED", "deadlock", None, "waits for"),
    ("RUNDOWN_UNDERFLOW", "0xC4", None, "had not been acquired"),
    (
        "LOCK_ORDER",
        "0xC4",
        Some(0x1001),
        "both were taken in the other order",
    ),
    (
        "SELF_DEADLOCK",
        "0xC4",
        Some(0x1000),
        "by the thread that holds it",
    ),
    (
        "FOREIGN_RELEASE",
        "0x1E",
        Some(0xC000_0046),
        "does not own it",
    ),
    (
        "RESOURCE_WITH_APCS",
        "0xC4",
        Some(0x37),
        "an ERESOURCE was acquired with APCs enabled",
    ),
    (
        "CALLS_DISCARDED",
        "0x50",
        None,
        "which was discarded after DriverEntry",
    ),
    ("IN_REGION", "0x1", None, "critical region"),
    ("RESOURCE_LEFT", "0xCE", None, "an ERESOURCE is left"),
    ("LOOKASIDE_LEFT", "0xCE", None, "a lookaside list is left"),
    (
        "LINK_LEFT",
        "leak",
        None,
        r"the symbolic link \dosdevices\surface",
    ),
    ("DEVICE_LEFT", "0xCE", None, "a device object is left"),
    ("ETW_LEFT", "0xC4", Some(0xDD), "an ETW provider is left"),
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
    for (name, code, parameter, says) in DEFECTS {
        let client = workshop.compile("s.sys", "surface.c", &[name]);
        let run = sim(&provider, &client, &["--seed", "3", "--cycles", "50"]);
        let report = run.report();
        assert_eq!(run.status, Some(1), "{name}: {}", run.err);
        for finding in &report.findings {
            assert_eq!(finding.code, *code, "{name}: {finding}");
            if parameter.is_some() {
                let first = finding.parameters.map(|[first, ..]| first);
                assert_eq!(first, *parameter, "{name}: {finding}");
            }
            assert_eq!(finding.driver, "s.sys", "{name}: {finding}");
            assert!(finding.what.contains(says), "{name}: {finding}");
        }
    }
}
