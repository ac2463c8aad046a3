// SPDX-License-Identifier: MIT OR Apache-2.0

//! A driver that would harm or stop the simulated kernel gets a finding like any other,
//! soon, and the cycles after it run.

use std::time::{Duration, Instant};

use scenarios::Role;

use crate::fixture::Workshop;
use crate::program::sim;

/// A macro of `hostile.c`, the finding's code and what it says.
const ACTS: &[(&str, &str, &str)] = &[
    (
        "SYSTEM_CALL",
        "convention",
        "system calls are made from user mode",
    ),
    (
        "OLD_SYSTEM_CALL",
        "convention",
        "system calls are made from user mode",
    ),
    (
        "HIDDEN_SYSTEM_CALL",
        "convention",
        "system calls are made from user mode",
    ),
    (
        "DIRECTION",
        "convention",
        "was called with the direction flag set",
    ),
    (
        "RETURNS_DIRECTION",
        "convention",
        "DriverEntry returned with the direction flag set",
    ),
    (
        "IN_THREAD",
        "convention",
        "a system thread returned with the direction flag set",
    ),
    ("ALIGNMENT", "convention", "alignment-check flag set"),
    ("ALIGNMENT_FAULT", "convention", "alignment-check flag set"),
    ("NESTED", "convention", "nested-task flag set"),
    ("TRAP", "0x7E", "the trap flag is set"),
    (
        "UNMASKED",
        "convention",
        "another MXCSR than the standard 0x1f80: 0x0",
    ),
    ("UNMASKED_FAULT", "0x7E", "floating-point"),
    ("X87", "convention", "values in the x87 registers"),
    (
        "X87_CONTROL",
        "convention",
        "another x87 control word than the standard 0x27f: 0x372",
    ),
    ("FS_WRITE", "0x7E", "kernel-mode code has nothing at fs"),
    ("FS_BASE", "convention", "changes a segment"),
    ("FS_SELECTOR", "convention", "changes a segment"),
    ("HIDDEN_FS_BASE", "convention", "the base of fs was changed"),
    ("GS_BASE", "convention", "changes a segment"),
    (
        "MISALIGNED",
        "convention",
        "KeGetCurrentIrql was called with a stack pointer that is not",
    ),
    (
        "LOW_STACK",
        "0x7F",
        "by the stack pointer, which is no kernel stack",
    ),
    (
        "NO_STACK",
        "0x7F",
        "by the stack pointer, which is no kernel stack",
    ),
    (
        "OTHER_STACK",
        "convention",
        "which is not on the stack of its thread",
    ),
    (
        "OVERWRITTEN_STACK",
        "0x7E",
        "jumped to address 0xaaaaaaaaaaaaaaaa",
    ),
    ("WILD_CALL", "0x7E", "jumped to address 0x4141414141414141"),
    (
        "WILD_UNLOAD",
        "0x7E",
        "DriverUnload of the driver object is address 0x4141414141414141",
    ),
    (
        "LOW_UNLOAD",
        "0x7E",
        "DriverUnload of the driver object is address 0x1234, where nothing is",
    ),
    (
        "WILD_DISPATCH",
        "0x7E",
        "of the driver object is address 0x4242424242424242",
    ),
    (
        "REGISTER",
        "convention",
        "DriverEntry returned with another value in rbp",
    ),
    ("VECTOR_REGISTER", "convention", "xmm6"),
    ("RETURN_TO_NULL", "0x7E", "jumped to address 0"),
    ("BASE_POINTER", "0x7E", "read address 0"),
    (
        "POOL_STACK",
        "convention",
        "which is not on the stack of its thread",
    ),
    (
        "NEXT_STACK",
        "convention",
        "which is not on the stack of its thread",
    ),
    (
        "IMPOSSIBLE_STACK",
        "0x7F",
        "wrote to address 0x4141414141414138 by the stack pointer",
    ),
    (
        "KERNEL_CODE",
        "0xBE",
        "wrote to the code of the kernel, which is read-only",
    ),
    (
        "IMPOSSIBLE_WRITE",
        "0x7E",
        "wrote to address 0x4141414141414141, which cannot exist",
    ),
    (
        "MISALIGNED_DATA",
        "0x7E",
        "which is not a multiple of 16 as the instruction demands",
    ),
    (
        "MANY_TIMERS",
        "livelock",
        "more DPCs, timers and work items wait",
    ),
    (
        "TIMER_WITH_WILD_DPC",
        "0x7E",
        "read address 0x4141414141414140, which cannot exist",
    ),
    ("DRIVER_OBJECT_OVERWRITTEN", "0xCD", "beyond its end"),
    ("WILD_FORMAT", "0x7E", "in DbgPrint"),
    ("LOOP", "hang", "runs without end"),
    ("LOOP_AT_HIGH_LEVEL", "hang", "runs without end"),
    ("DIVISION", "0x7E", "division by zero"),
    ("UNDEFINED", "0x7E", "illegal instruction"),
    (
        "SUCCESS_CODE",
        "load",
        "it must return STATUS_SUCCESS or an error",
    ),
];

/// A simulator that does not end by itself takes longer, however busy the machine is.
const SOON: Duration = Duration::from_mins(10);

#[test]
fn a_hostile_driver_is_found_soon() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    for (define, code, says) in ACTS {
        let client = workshop.compile("h.sys", "hostile.c", &[define]);
        let started = Instant::now();
        let run = sim(&provider, &client, &["--seed=3", "--cycles=3"]);
        assert!(started.elapsed() < SOON, "{define}");
        assert_eq!(run.status, Some(1), "{define}: {}{}", run.out, run.err);
        let report = run.report();
        assert_eq!(report.cycles_done, 3, "{define}");
        let finding = &report.findings[0];
        assert_eq!(finding.code, *code, "{define}: {finding}");
        assert!(finding.what.contains(says), "{define}: {finding}");
        assert_eq!(finding.driver, "h.sys", "{define}: {finding}");
        assert!(finding.offset.is_some(), "{define}: {finding}");
    }
}

#[test]
fn what_depends_on_the_stack_is_the_same_in_every_run() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    for define in ["POPPED_STACK", "REGISTER", "BASE_POINTER"] {
        let client = workshop.compile("h.sys", "hostile.c", &[define]);
        let trace = || {
            let run = sim(&provider, &client, &["--seed=3", "--cycles=1", "--trace"]);
            assert_eq!(run.status, Some(1), "{define}: {}{}", run.out, run.err);
            run.out
        };
        let (once, again) = (trace(), trace());
        assert!(once == again, "{define}: {once}{again}");
    }
}

#[test]
fn without_an_act_it_is_clean() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("h.sys", "hostile.c", &[]);
    let run = sim(&provider, &client, &["--seed=3", "--cycles=3"]);
    assert!(run.report().is_clean(), "{}{}", run.out, run.err);
}
