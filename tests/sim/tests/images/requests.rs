// SPDX-License-Identifier: MIT OR Apache-2.0

//! Requests to a control device: answered rightly they are silent, wrongly they
//! end in the bug check of Windows or Driver Verifier.

use scenarios::{Finding, Role};

use crate::fixture::Workshop;
use crate::pair::driver;
use crate::program::sim;

/// A macro of `control.c`, the code of the finding and the number among its
/// parameters that says what happened, and what the finding says.
const DEFECTS: &[(&str, &str, Option<u64>, &str)] = &[
    (
        "COMPLETES_TWICE",
        "0x44",
        None,
        "IRP_MJ_DEVICE_CONTROL was completed twice",
    ),
    ("FORGETS", "0xC9", Some(0x226), "without completing it"),
    (
        "MARKED_FOR_NOTHING",
        "0xC9",
        Some(0x23E),
        "marked it pending and returned 0x00000000",
    ),
    (
        "OTHER_STATUS",
        "0xC9",
        Some(0x224),
        "returned 0xc0000001 and completed it with 0x00000000",
    ),
    (
        "COMPLETES_AS_PENDING",
        "0xC9",
        Some(0x06),
        "with status 0x00000103",
    ),
    (
        "CANCEL_ROUTINE_SET",
        "0xC9",
        Some(0x07),
        "while its cancel routine was set",
    ),
    ("RAISES", "0xC9", Some(0x05), "changed the IRQL"),
    (
        "NOT_MARKED",
        "0xC9",
        Some(0x23D),
        "without IoMarkIrpPending",
    ),
    (
        "NOT_CANCELLABLE",
        "0xC4",
        Some(0x135),
        "cancelled and is not completed",
    ),
    ("TOUCHES_AFTER", "0xCC", None, "of an IRP, which"),
    ("RELEASES_HIGHER", "0xC4", Some(0x31), "which is higher"),
    (
        "MORE_THAN_ROOM",
        "overrun",
        None,
        "bytes of output, the program has room for",
    ),
    (
        "NULL_CONTROL",
        "0x7E",
        None,
        "a null pointer in the place of IRP_MJ_DEVICE_CONTROL",
    ),
];

/// The same of `csq.c`.
const QUEUE_DEFECTS: &[(&str, &str, Option<u64>, &str)] = &[
    (
        "NEVER_COMPLETES",
        "0xC4",
        Some(0x135),
        "cancelled and is not completed",
    ),
    (
        "RETURNS_SUCCESS",
        "0xC9",
        Some(0x23E),
        "marked it pending and returned 0x00000000",
    ),
];

#[test]
fn requests_that_are_answered_rightly_are_silent() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    for (source, defines) in [
        ("control.c", &[][..]),
        ("control.c", &["NO_CONTROL"]),
        ("control.c", &["SECURED"]),
        ("control.c", &["HOLDS"]),
        ("control.c", &["REFERENCES"]),
        // The mutex held around a cancellation is none of the cancel routine's.
        ("control.c", &["CANCELS_UNDER_MUTEX"]),
        ("csq.c", &[]),
    ] {
        let client = workshop.compile("c.sys", source, defines);
        for more in [&[][..], &["--preempt"], &["--strategy=pct"]] {
            let arguments = [&["--seed=5", "--cycles=300"], more].concat();
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

#[test]
fn an_unload_waits_for_the_last_file() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("c.sys", "control.c", &[]);
    let script = "--script=+p.+c~100.-c.-p";
    let deferred = (0..50).any(|cycle| {
        let first = format!("--first={cycle}");
        let arguments = ["--seed=5", "--cycles=1", "--trace", &first, script];
        let run = sim(&provider, &client, &arguments);
        assert_eq!(run.status, Some(0), "{}", run.out);
        let unload = run.out.find("unload client  waits for");
        let close = run.out.rfind("IRP_MJ_CLOSE is sent");
        unload
            .zip(close)
            .is_some_and(|(unload, close)| unload < close)
    });
    assert!(deferred, "no unload met an open file");
}

#[test]
fn a_file_ends_with_the_last_reference_to_it() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("c.sys", "control.c", &["REFERENCES"]);
    let ends = (0..20).any(|cycle| {
        let first = format!("--first={cycle}");
        let arguments = ["--seed=5", "--cycles=1", "--trace", &first];
        let run = sim(&provider, &client, &arguments);
        assert_eq!(run.status, Some(0), "{}", run.out);
        let kept = run.out.find("waits for the end of the reference to a file");
        let close = run.out.rfind("IRP_MJ_CLOSE is sent");
        kept.zip(close).is_some_and(|(kept, close)| kept < close)
    });
    assert!(ends, "no reference outlived its handle");

    let client = workshop.compile("d.sys", "control.c", &["REFERENCES", "KEEPS"]);
    let findings = sim(&provider, &client, &["--seed=5", "--cycles=50"])
        .report()
        .findings;
    assert!(!findings.is_empty());
    for finding in findings {
        let place = finding.place.as_ref().map(|place| place.function.as_str());
        let found = (finding.code.as_str(), place);
        assert_eq!(found, ("deadlock", Some("DispatchFile")), "{finding}");
        assert!(
            finding.what.contains("the last open file of d.sys"),
            "{finding}"
        );
    }
}

/// A program waits for the device to be opened, the worker of the peer for something to do.
#[test]
fn a_request_that_is_owed_is_that_of_its_dispatch_routine() {
    let workshop = Workshop::new();
    let client = workshop.compile("d.sys", "control.c", &["CREATE_PENDS"]);
    let run = sim(
        &driver("provider.sys"),
        &client,
        &["--seed=5", "--cycles=300"],
    );
    let findings = run.report().findings;
    assert!(!findings.is_empty(), "{}", run.err);
    for finding in findings {
        let function = finding.place.as_ref().map(|it| it.function.as_str());
        assert_eq!(finding.code, "deadlock", "{finding}");
        assert_eq!(function, Some("DispatchFile"), "{finding}");
    }
}

#[test]
fn requests_that_are_answered_wrongly_are_found() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let control = DEFECTS.iter().map(|defect| ("control.c", defect));
    let queue = QUEUE_DEFECTS.iter().map(|defect| ("csq.c", defect));
    for (source, (name, code, number, says)) in control.chain(queue) {
        let client = workshop.compile("d.sys", source, &[name]);
        let run = sim(&provider, &client, &["--seed=5", "--cycles=150"]);
        let findings = run.report().findings;
        assert!(!findings.is_empty(), "{name}: not found {}", run.err);
        for finding in findings {
            assert_eq!(finding.code, *code, "{name}: {finding}");
            assert_eq!(finding.driver, "d.sys", "{name}: {finding}");
            assert!(finding.what.contains(says), "{name}: {finding}");
            if number.is_some() {
                let first = finding.parameters.map(|[first, ..]| first);
                assert_eq!(first, *number, "{name}: {finding}");
            }
        }
    }
}

#[test]
fn what_a_driver_believes_of_a_request_is_found() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    for name in ["LENGTHS_UNCHECKED", "BELIEVES_USER"] {
        let client = workshop.compile("d.sys", "control.c", &[name]);
        let findings = sim(&provider, &client, &["--seed=5", "--cycles=600"])
            .report()
            .findings;
        let place = |found: &Finding| Some(found.place.as_ref()?.function.clone());
        let places: Vec<_> = findings.iter().filter_map(place).collect();
        assert!(
            places.contains(&"DispatchControl".to_owned()),
            "{name}: {findings:#?}"
        );
        assert!(
            findings.iter().all(|found| found.driver == "d.sys"),
            "{name}: {findings:#?}"
        );
    }
}
