// SPDX-License-Identifier: MIT OR Apache-2.0

//! Generic tables, security, the registry, processes, threads, files and events: what the functions
//! do, and what is wrong with drivers that misuse them.

use scenarios::Role;

use crate::fixture::Workshop;
use crate::program::sim;

const SOURCES: [&str; 10] = [
    "apcs.c",
    "generic_tables.c",
    "security.c",
    "registry.c",
    "processes.c",
    "files.c",
    "events.c",
    "once.c",
    "broadcast.c",
    "pages.c",
];

#[test]
fn what_is_used_rightly_is_silent() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    for source in SOURCES {
        let client = workshop.compile("e.sys", source, &[]);
        for faults in ["--faults=none", "--faults=random"] {
            let arguments = ["--seed=3", "--cycles=30", faults];
            let run = sim(&provider, &client, &arguments);
            let report = run.report();
            assert!(
                report.is_clean(),
                "{source}: {:?} {}",
                report.findings,
                run.err
            );
        }
    }
}

/// A source and its macro, the finding's code, what it says, and the function that it is in.
const MISTAKES: &[(&str, &str, &str, &str, &str)] = &[
    (
        "apcs.c",
        "KEEPS_REGION",
        "0x1",
        "returned in a critical region",
        "OnNormal",
    ),
    (
        "apcs.c",
        "LEAVES_OTHER_REGION",
        "0xC4",
        "a guarded region was left",
        "ToItself",
    ),
    (
        "apcs.c",
        "NOT_INITIALIZED",
        "0xC4",
        "was not initialised",
        "ToItself",
    ),
    (
        "apcs.c",
        "INITIALIZED_TWICE",
        "0xC4",
        "while it is queued",
        "ToItself",
    ),
    ("apcs.c", "FREES_QUEUED", "0xC4", "a queued APC", "Send"),
    (
        "apcs.c",
        "STAYS_QUEUED",
        "0xCE",
        "a queued APC",
        "QueueToKernel",
    ),
    (
        "apcs.c",
        "ON_DEAD_FRAME",
        "0xC4",
        "an APC that is queued lies",
        "QueueFromStack",
    ),
    (
        "once.c",
        "INITIALIZES_AGAIN",
        "deadlock",
        "waits for",
        "Initialize or Work",
    ),
    (
        "once.c",
        "NEVER_COMPLETES",
        "deadlock",
        "waits for",
        "Unload or Work",
    ),
    ("once.c", "BEYOND", "0xC1", "beyond its end", "Bits"),
    ("pages.c", "KEEPS_MDL", "0xC4", "with tag Mdl", "Pages"),
    ("pages.c", "STAYS_MAPPED", "0xC4", "has mapped", "Pages"),
    ("pages.c", "UNLOCKS_PAGES", "0xC4", "MmUnlockPages", "Pages"),
    ("pages.c", "FREES_PAGES_TWICE", "0xC4", "twice", "Pages"),
    ("pages.c", "WRITES_BEYOND", "0xC1", "beyond", "Contiguous"),
    (
        "pages.c",
        "KEEPS_CONTIGUOUS",
        "leak",
        "contiguous memory",
        "Contiguous",
    ),
    (
        "pages.c",
        "FREES_WRITTEN",
        "0xC4",
        "freed or written before",
        "Log",
    ),
    ("pages.c", "DELETES_TWICE", "0xC4", "has deleted", "Power"),
    ("pages.c", "KEEPS_NAME", "0xC4", "with tag SeIm", "Name"),
    (
        "broadcast.c",
        "KEEPS_STATE",
        "0xC4",
        "saved extended processor state",
        "States",
    ),
    (
        "broadcast.c",
        "RESTORES_OUTER",
        "0xC4",
        "not the state that this thread saved last",
        "States",
    ),
    (
        "generic_tables.c",
        "WITHOUT_LOCK",
        "race",
        "uses a table",
        "Work",
    ),
    (
        "generic_tables.c",
        "FREED_FIRST",
        "0xCC",
        "in RtlGetElement",
        "ClearAvl",
    ),
    (
        "generic_tables.c",
        "NOT_CLEARED",
        "0xC4",
        "blocks of pool",
        "TakeBlock",
    ),
    ("security.c", "KEEPS_TEXT", "0xC4", "with tag Strg", "Sids"),
    (
        "security.c",
        "KEEPS_SUBJECT",
        "0xCE",
        "security context",
        "Lists",
    ),
    (
        "security.c",
        "RELEASES_TWICE",
        "0xC4",
        "no security context",
        "Lists",
    ),
    (
        "registry.c",
        "KEEPS_KEY",
        "leak",
        "a handle of the registry key",
        "Create",
    ),
    (
        "registry.c",
        "CLOSES_TWICE",
        "0x93",
        "which is not open",
        "Keys",
    ),
    (
        "processes.c",
        "KEEPS_PROCESS",
        "leak",
        "a reference to an object",
        "OnProcess",
    ),
    (
        "processes.c",
        "KEEPS_THREAD",
        "leak",
        "a reference to an object",
        "Work",
    ),
    (
        "processes.c",
        "KEEPS_HANDLE",
        "leak",
        "a handle of a process",
        "Open",
    ),
    (
        "processes.c",
        "CLOSES_PROCESS_TWICE",
        "0x93",
        "which is not open",
        "Open",
    ),
    (
        "processes.c",
        "NAMES_NO_OBJECT",
        "0x18",
        "which is no object",
        "Names",
    ),
    (
        "processes.c",
        "KEEPS_NOTHING",
        "0xCE",
        "still runs",
        "Unload",
    ),
    (
        "registry.c",
        "CLOSES_ONLY",
        "0xCE",
        "a queued work item is left",
        "OnChange",
    ),
    (
        "files.c",
        "KEEPS_FILE",
        "leak",
        "a handle of the file",
        "Open",
    ),
    (
        "files.c",
        "AT_DISPATCH",
        "0xA",
        "its limit is PASSIVE_LEVEL",
        "Open",
    ),
    (
        "files.c",
        "KEEPS_NMI",
        "0xCE",
        "KeRegisterNmiCallback",
        "DriverEntry",
    ),
    (
        "files.c",
        "KEEPS_CHANGES",
        "0xCE",
        "KeRegisterProcessorChange",
        "DriverEntry",
    ),
    (
        "events.c",
        "KEEPS_EVENT",
        "leak",
        r"a handle of the event \BaseNamedObjects\FixtureEvent",
        "Create",
    ),
    (
        "events.c",
        "KEEPS_POINTER",
        "leak",
        "a reference to an object",
        "Pointers",
    ),
    (
        "events.c",
        "USES_FREED",
        "0xCC",
        "in KeSetEvent",
        "Pointers",
    ),
    (
        "processes.c",
        "STAYS_ATTACHED",
        "0x5",
        "a system thread returned attached to a process",
        "Attach",
    ),
    (
        "processes.c",
        "DETACHES_OUTER",
        "0x6",
        "another state than the last KeStackAttachProcess",
        "Attach",
    ),
    (
        "processes.c",
        "DETACHES_TWICE",
        "0x6",
        "is not attached",
        "Attach",
    ),
];

#[test]
fn mistakes_are_found_at_their_line() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    for (source, name, code, says, function) in MISTAKES {
        let client = workshop.compile("e.sys", source, &[name]);
        let run = sim(&provider, &client, &["--seed=3", "--cycles=20"]);
        let report = run.report();
        assert!(!report.findings.is_empty(), "{name}: not found {}", run.err);
        for finding in &report.findings {
            assert_eq!(finding.driver, "e.sys", "{name}: {finding}");
            assert_eq!(finding.code, *code, "{name}: {finding}");
            assert!(finding.what.contains(says), "{name}: {finding}");
            let place = finding.place.as_ref();
            let place = place.unwrap_or_else(|| panic!("{name}: {finding}"));
            let mut places = function.split(" or ");
            assert!(places.any(|it| it == place.function), "{name}: {finding}");
        }
    }
}

#[test]
fn what_the_kernel_orders_is_no_race() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    for (source, mistake, function) in [
        ("once.c", "WITHOUT_ORDER", "Initialize"),
        ("broadcast.c", "RACES", "OnProcessor"),
    ] {
        let arguments = ["--seed=3", "--cycles=30", "--races=all"];
        let client = workshop.compile("e.sys", source, &[]);
        let report = sim(&provider, &client, &arguments).report();
        assert!(report.is_clean(), "{source}: {:?}", report.findings);
        let client = workshop.compile("e.sys", source, &[mistake]);
        let report = sim(&provider, &client, &arguments).report();
        let finding = report.findings.first();
        let finding = finding.unwrap_or_else(|| panic!("{mistake}: not found"));
        assert_eq!(finding.code, "race", "{mistake}: {finding}");
        let told = format!("{:?} {:?}", finding.stack, finding.history);
        assert!(told.contains(function), "{mistake}: {finding} {told}");
    }
}
