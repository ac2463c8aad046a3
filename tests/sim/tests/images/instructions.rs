// SPDX-License-Identifier: MIT OR Apache-2.0

//! What Microsoft's headers inline works as on Windows, and an instruction that the
//! simulated kernel does not know is reported as that.

use scenarios::{Role, Unsupported};

use crate::fixture::Workshop;
use crate::program::{Run, sim};

/// A macro of `instructions.c`, the finding's code and what it says.
const FOUND: &[(&str, &str, &str)] = &[
    ("ASSERTION", "0x7E", "assertion failed"),
    ("DEBUG_SERVICE", "0x7E", "debug service without a debugger"),
    ("BREAKPOINT", "0x7E", "breakpoint without a debugger"),
    (
        "RETURNS_RAISED",
        "0xC8",
        "DriverEntry returned at DISPATCH_LEVEL",
    ),
    (
        "CODE_ABOVE_DISPATCH",
        "0xA",
        "KeDelayExecutionThread was called at DISPATCH_LEVEL",
    ),
    (
        "WRITES_DATA",
        "0xBE",
        "wrote to offset 0x320 of KUSER_SHARED_DATA, which is read-only",
    ),
];

/// A macro of `instructions.c`, and what the driver then does that is not provided.
const NOT_PROVIDED: &[(&str, &str)] = &[
    ("ABOVE_HIGH_LEVEL", "executes mov cr8,"),
    ("UNKNOWN_FIELD", "read offset 0x198 of the KPCR (gs)"),
    ("UNKNOWN_DATA", "read offset 0x708 of KUSER_SHARED_DATA"),
    ("WRITES_FIELD", "wrote to offset 0x188 of the KPCR (gs)"),
];

/// Instructions that are not emulated, and how Microsoft's assembler writes them.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("cli", "cli"),
    ("sti", "sti"),
    ("hlt", "hlt"),
    ("rdmsr", "rdmsr"),
    ("wrmsr", "wrmsr"),
    ("inb $0x80, %%al", "in al,80h"),
    ("outb %%al, $0x80", "out 80h,al"),
    ("wbinvd", "wbinvd"),
    ("invlpg (%%rax)", "invlpg"),
    ("movq %%cr0, %%rax", "mov rax,cr0"),
    ("movq %%rax, %%cr3", "mov cr3,rax"),
    ("movq %%dr7, %%rax", "mov rax,dr7"),
    ("lgdt (%%rsp)", "lgdt"),
    ("lidt (%%rsp)", "lidt"),
    ("swapgs", "swapgs"),
    ("iretq", "iretq"),
    ("sidt (%%rsp)", "sidt"),
    ("str %%ax", "str ax"),
    ("int $0x50", "int 50h"),
    ("stac", "stac"),
    ("xsetbv", "xsetbv"),
    ("vpxor %%ymm0, %%ymm0, %%ymm0", "vpxor ymm0"),
];

/// Runs a client with a macro of `instructions.c` for a cycle.
fn run(workshop: &Workshop, define: &str) -> Run {
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("i.sys", "instructions.c", &[define]);
    sim(&provider, &client, &["--seed=3", "--cycles=1"])
}

/// What the client does in a cycle that is not provided.
fn unsupported(workshop: &Workshop, define: &str) -> Unsupported {
    let run = run(workshop, define);
    assert_eq!(run.status, Some(2), "{define}: {}{}", run.out, run.err);
    let unsupported = run.report().unsupported.remove(0);
    assert_eq!(unsupported.driver, "i.sys", "{define}: {unsupported}");
    let place = unsupported.place.as_ref();
    assert!(place.is_some_and(|it| it.line.is_some()), "{unsupported}");
    unsupported
}

#[test]
fn data_in_a_section_of_code_stays_as_it_is() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("s.sys", "switches.c", &[]);
    for options in [&[][..], &["--races=all"], &["--races=all", "--preempt"]] {
        let arguments = [
            &["--seed=5", "--cycles=40", "--script=+p.+c.-c.-p"],
            options,
        ]
        .concat();
        let report = sim(&provider, &client, &arguments).report();
        assert!(
            report.findings.is_empty(),
            "{options:?}: {:#?}",
            report.findings
        );
    }
}

#[test]
fn what_headers_inline_works_as_on_windows() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("i.sys", "instructions.c", &[]);
    for more in [&[][..], &["--preempt"]] {
        let arguments = [&["--seed=3", "--cycles=100"], more].concat();
        let run = sim(&provider, &client, &arguments);
        let report = run.report();
        assert!(report.is_clean(), "{:?} {}", report.findings, run.err);
    }
}

#[test]
fn an_emulated_instruction_gives_the_same_in_every_run() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("i.sys", "instructions.c", &[]);
    let trace = || sim(&provider, &client, &["--seed=3", "--cycles=3", "--trace"]).out;
    let once = trace();
    assert!(once.contains("prints random"), "{once}");
    assert_eq!(once, trace());
}

#[test]
fn what_is_wrong_is_found_where_it_is() {
    let workshop = Workshop::new();
    for (define, code, says) in FOUND {
        let run = run(&workshop, define);
        assert_eq!(run.status, Some(1), "{define}: {}{}", run.out, run.err);
        let finding = run.report().findings.remove(0);
        assert_eq!(finding.driver, "i.sys", "{define}: {finding}");
        assert_eq!(finding.code, *code, "{define}: {finding}");
        assert!(finding.what.contains(says), "{define}: {finding}");
        let place = finding.place.as_ref();
        assert!(place.is_some_and(|it| it.line.is_some()), "{finding}");
    }
}

#[test]
fn what_is_not_provided_is_no_finding() {
    let workshop = Workshop::new();
    for (define, says) in NOT_PROVIDED {
        let unsupported = unsupported(&workshop, define);
        assert!(unsupported.what.starts_with(says), "{unsupported}");
    }
}

#[test]
fn what_is_not_emulated_is_said_to_be() {
    let workshop = Workshop::new();
    for (instruction, shown) in UNSUPPORTED {
        let unsupported = unsupported(&workshop, &format!("INSTRUCTION=\"{instruction}\""));
        let what = &unsupported.what;
        assert!(what.starts_with(&format!("executes {shown}")), "{what}");
        assert!(
            what.ends_with("that the simulated kernel does not emulate"),
            "{what}"
        );
    }
}
