// SPDX-License-Identifier: MIT OR Apache-2.0

//! Pageable memory is out of reach at `DISPATCH_LEVEL`, and only there.

use scenarios::Role;

use crate::fixture::Workshop;
use crate::program::sim;

/// A macro of `paged.c`, the code, its second and third parameter (the IRQL and
/// the operation), and what the finding says.
const DEFECTS: &[(&str, &str, [u64; 2], &str)] = &[
    (
        "WRITES_POOL",
        "0xD1",
        [2, 1],
        "wrote to offset 0x4 of 0x64 bytes of paged pool",
    ),
    (
        "CALLS_CODE",
        "0xD1",
        [2, 8],
        "jumped to the pageable d.sys+",
    ),
    (
        "ALL_PAGEABLE",
        "0xD1",
        [2, 8],
        "jumped to the pageable d.sys+",
    ),
    ("READS_DATA", "0xD1", [2, 0], "read the pageable d.sys+"),
    ("KERNEL_TOUCHES", "0xA", [2, 0], "may be paged out"),
    ("DPC_TOUCHES", "0xD1", [2, 1], "of paged pool"),
    (
        "FREES",
        "0xC4",
        [2, 1],
        "paged pool was freed at DISPATCH_LEVEL",
    ),
    (
        "UNLOCKS_TWICE",
        "0x1A",
        [0, 0],
        "no pageable section that is locked",
    ),
];

#[test]
fn pageable_memory_is_touched_below_dispatch_level_only() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    for (name, code, [second, third], says) in DEFECTS {
        let client = workshop.compile("d.sys", "paged.c", &[name]);
        let run = sim(&provider, &client, &["--seed", "5", "--cycles", "20"]);
        let findings = run.report().findings;
        assert_eq!(findings.len(), 1, "{name}: {findings:?} {}", run.err);
        let finding = &findings[0];
        assert_eq!(finding.code, *code, "{name}: {finding}");
        assert!(finding.what.contains(says), "{name}: {finding}");
        let [_, irql, operation, _] = finding.parameters.expect("it is documented");
        assert_eq!([irql, operation], [*second, *third], "{name}: {finding}");
    }
}

#[test]
fn pageable_memory_is_there_below_dispatch_level() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("c.sys", "paged.c", &[]);
    for more in [&[][..], &["--preempt"]] {
        let arguments = [&["--seed", "5", "--cycles", "500"], more].concat();
        let run = sim(&provider, &client, &arguments);
        let report = run.report();
        assert!(report.is_clean(), "{:?}", report.findings);
    }
}
