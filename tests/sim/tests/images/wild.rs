// SPDX-License-Identifier: MIT OR Apache-2.0

//! A pointer to a function that leads to no code is named with its value, and found at the
//! code that stored it, not at its caller.

use scenarios::{Finding, Role};

use crate::fixture::Workshop;
use crate::program::sim;

/// A pointer and where it leads: macros of `wild.c`. The finding's code, what it says of
/// the pointer, and the function that it is found in.
const POINTERS: &[(&[&str], &str, &str, &str)] = &[
    (
        &["USE_UNLOAD"],
        "0x7E",
        "DriverUnload of the driver object is address 0x4141414141414141, which cannot exist",
        "DriverEntry",
    ),
    (
        &["USE_UNLOAD", "TO_KERNEL"],
        "0x50",
        "DriverUnload of the driver object is address 0xffff900041414000, where nothing is",
        "DriverEntry",
    ),
    (
        &["USE_UNLOAD", "TO_POOL"],
        "0xFC",
        "allocated by w.sys",
        "DriverEntry",
    ),
    (
        &["USE_DISPATCH", "TO_LOW"],
        "0x7E",
        "MajorFunction[IRP_MJ_CREATE] of the driver object is address 0x1234, where nothing is",
        "DriverEntry",
    ),
    (
        &["USE_DPC"],
        "0x1E",
        "the routine of a DPC is address 0x4141414141414141",
        "DriverEntry",
    ),
    (
        &["USE_TIMER", "TO_USER"],
        "0xD1",
        "the routine of a DPC is address 0x41414141, where nothing is",
        "DriverEntry",
    ),
    (
        &["USE_WORK_ITEM", "TO_HEADER"],
        "0xFC",
        "the routine of a work item is w.sys+0x0, which is not code",
        "DriverEntry",
    ),
    (
        &["USE_THREAD", "TO_FREED"],
        "0xCC",
        "the start routine of a system thread is offset 0x0 of 0x40 bytes",
        "DriverEntry",
    ),
    (
        &["USE_LOOKASIDE", "TO_NEAR_NULL"],
        "0x7E",
        "the allocate routine of a lookaside list is address 0xfff: near null",
        "DriverEntry",
    ),
    (
        &["USE_DETACH", "TO_DATA"],
        "0xFC",
        "ClientDetachProvider is w.sys+0x",
        "DriverEntry",
    ),
    (
        &["USE_RETURN", "TO_STACK"],
        "0xFC",
        "jumped to the stack of a thread, which is not code",
        "DriverEntry",
    ),
    (
        &["USE_TABLE", "PROVIDER"],
        "0x7E",
        "the function at 0x8 of the Provider's table of binding 1, which c.sys+0x",
        "Attach",
    ),
];

#[test]
fn a_wild_pointer_is_found_where_it_was_put() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.module("c.sys", Role::Client, &[]);
    for (defines, code, says, function) in POINTERS {
        let wild = workshop.compile("w.sys", "wild.c", defines);
        let arguments = ["--seed=3", "--cycles=1"];
        let run = if defines.contains(&"PROVIDER") {
            sim(&wild, &client, &arguments)
        } else {
            sim(&provider, &wild, &arguments)
        };
        assert_eq!(run.status, Some(1), "{defines:?}: {}{}", run.out, run.err);
        let finding: &Finding = &run.report().findings[0];
        assert_eq!(finding.code, *code, "{defines:?}: {finding}");
        assert!(finding.what.contains(says), "{defines:?}: {finding}");
        assert_eq!(finding.driver, "w.sys", "{defines:?}: {finding}");
        let place = finding.place.as_ref();
        let found = place.map_or("nowhere", |place| &place.function);
        assert_eq!(found, *function, "{defines:?}: {finding}");
    }
}
