// SPDX-License-Identifier: MIT OR Apache-2.0

//! The two drivers with the driver framework, among themselves and with those of
//! WDM.

use std::path::PathBuf;

use scenarios::{Finding, Report};

use crate::fixture::Workshop;
use crate::pair::driver;
use crate::program::{Run, sim, sim_with_any_instances, sim_with_drivers};

const PROVIDER: &str = "provider_wdf.sys";
const CLIENT: &str = "client_wdf.sys";

fn pairs() -> [[PathBuf; 2]; 3] {
    [
        [PROVIDER, CLIENT],
        [PROVIDER, "client.sys"],
        ["provider.sys", CLIENT],
    ]
    .map(|pair| pair.map(driver))
}

fn clean(report: &Report) {
    assert!(report.is_clean(), "{:#?}", report.findings);
}

#[test]
fn either_model_binds_with_the_other() {
    for [provider, client] in pairs() {
        let arguments = ["--seed", "7", "--cycles", "100"];
        let report = sim_with_any_instances(&provider, &client, &arguments).report();
        clean(&report);
        let counts = report.counts;
        assert!(counts.every_driver_ended());
        assert!(counts.attaches > 100, "{}", counts.attaches);
        assert!(counts.detaches_pending_client > 0);
        assert!(counts.detaches_pending_provider > 0);
        assert!(counts.completions > 0);
        assert!(counts.requests > 100, "{}", counts.requests);
        assert!(counts.unloads_deferred > 0);
    }
}

#[test]
fn what_the_framework_refuses_leaves_nothing() {
    let [[provider, client], ..] = pairs();
    // The provider's binding, driver object, device and queue; then there are
    // programs, too, whose files may be refused.
    for number in 1..=12 {
        let faults = format!("--faults=framework:{number}");
        let arguments = [
            "--seed",
            "7",
            "--cycles",
            "10",
            "--script=+p.+c.-c.-p",
            &faults,
        ];
        let report = sim(&provider, &client, &arguments).report();
        clean(&report);
        if number <= 5 {
            assert_eq!(report.counts.loads, 10, "{faults}");
        }
    }
}

#[test]
fn any_call_may_fail() {
    let [[provider, client], ..] = pairs();
    for faults in ["--faults=random", "--faults=systematic"] {
        let arguments = ["--seed", "7", "--cycles", "300", faults];
        clean(&sim(&provider, &client, &arguments).report());
    }
}

/// A macro of `framework.c`, the finding's code, and what it says.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("OTHER_SIZE", "load", "0xc0000004"),
    ("ADDS_DEVICES", "load", "0xc000000d"),
    ("UNKNOWN_FLAG", "load", "0xc000000d"),
    ("CREATED_TWICE", "load", "0xc0000183"),
    ("NO_CONFIG", "0x10D", "DriverConfig is a null pointer"),
    ("WRONG_HANDLE", "0x10D", "no handle of an object"),
    ("TOO_NEW", "load", "0xc000000d"),
    ("GOES_UNBOUND", "wdf", "no driver's globals"),
];

/// A macro of `framework.c`, and what the driver then does that is not provided.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("PLUG_AND_PLAY", "uses a driver for Plug and Play"),
    (
        "CALLS_MISSING",
        "calls WdfChildListCreate of the driver framework",
    ),
    (
        "TOO_OLD",
        "with 383 functions instead of KmdfLibrary 1.9 to 1.31",
    ),
];

/// Loads and unloads the driver of `framework.c` with these macros.
fn framework(workshop: &Workshop, defects: &[&str]) -> Run {
    let provider = workshop.compile("d.sys", "framework.c", defects);
    let arguments = ["--seed", "5", "--cycles", "2", "--script=+p.-p"];
    sim(&provider, &driver(CLIENT), &arguments)
}

#[test]
fn what_the_framework_does_not_provide_is_no_finding() {
    let workshop = Workshop::new();
    for (name, says) in UNSUPPORTED {
        let run = framework(&workshop, &[name]);
        let report = run.report();
        assert_eq!(run.status, Some(2), "{name}: {}", run.err);
        assert!(report.findings.is_empty(), "{name}: {:?}", report.findings);
        let [unsupported] = &report.unsupported[..] else {
            panic!("{name}: {:?}", report.unsupported);
        };
        assert_eq!(unsupported.driver, "d.sys", "{name}: {unsupported}");
        assert_eq!(unsupported.count, 2, "{name}: {unsupported}");
        assert!(unsupported.what.contains(says), "{name}: {unsupported}");
        assert!(unsupported.place.is_some(), "{name}: {unsupported}");
    }
}

#[test]
fn the_framework_says_what_is_wrong() {
    let workshop = Workshop::new();
    clean(&framework(&workshop, &[]).report());
    for (name, code, says) in MISTAKES {
        let report = framework(&workshop, &[name]).report();
        assert!(!report.findings.is_empty(), "{name}: not found");
        for finding in &report.findings {
            assert_eq!(finding.driver, "d.sys", "{name}: {finding}");
            assert_eq!(finding.code, *code, "{name}: {finding}");
            assert!(finding.what.contains(says), "{name}: {finding}");
        }
    }
}

/// A macro of `kmdf.c`, the finding's code, and what it says.
const OBJECT_MISTAKES: &[(&str, &str, &str)] = &[
    ("USED_AFTER_DELETE", "0x10D", "a spin lock was deleted by"),
    ("DELETES_TWICE", "0x10D", "a general object was deleted by"),
    ("REFERENCE_LEFT", "leak", "1 reference to a general object"),
    (
        "DEREFERENCES_LAST",
        "0x10D",
        "delete it with WdfObjectDelete",
    ),
    ("DELETES_QUEUE", "wdf", "a queue was deleted by its driver"),
    ("OVERRUNS_CONTEXT", "wdf", "the context of a general object"),
    ("COMPLETES_TWICE", "0x10D", "a request was deleted by"),
    (
        "COMPLETES_CANCELABLE",
        "wdf",
        "call WdfRequestUnmarkCancelable first",
    ),
    ("WAITS_IN_TIMER", "0xA", "WdfTimerStop was called at"),
    ("FLUSHES_ITSELF", "deadlock", "waits for the callback"),
    ("WAIT_LOCK_AT_DISPATCH", "0xA", "WdfWaitLockAcquire"),
    ("LOCK_LEFT", "0xC4", "by the thread that holds it"),
];

/// The consequence that a mistake has, too, if the schedule lets the request be cancelled
/// and completed first: its macro, the finding's code, and what it says.
const SECOND_CONSEQUENCE: (&str, &str, &str) =
    ("COMPLETES_CANCELABLE", "0x10D", "a request was deleted by");

#[test]
fn objects_of_the_framework_are_silent_if_used_rightly() {
    let workshop = Workshop::new();
    let client = driver("client.sys");
    let provider = workshop.compile("d.sys", "kmdf.c", &[]);
    for faults in ["--faults=none", "--faults=systematic", "--faults=random"] {
        let arguments = ["--seed", "5", "--cycles", "300", faults];
        let run = sim(&provider, &client, &arguments[..]);
        clean(&run.report());
    }
}

#[test]
fn objects_of_the_framework_used_wrongly_are_found() {
    let workshop = Workshop::new();
    let client = driver("client.sys");
    for (name, code, says) in OBJECT_MISTAKES {
        let provider = workshop.compile("d.sys", "kmdf.c", &[name]);
        let report = sim(&provider, &client, &["--seed", "5", "--cycles", "100"]).report();
        let is = |finding: &Finding, code: &str, says: &str| {
            finding.code == code && finding.what.contains(says)
        };
        let mut found = report.findings.iter();
        assert!(found.any(|it| is(it, code, says)), "{name}: not found");
        for finding in &report.findings {
            let (of, second, also) = SECOND_CONSEQUENCE;
            let expected = is(finding, code, says) || *name == of && is(finding, second, also);
            assert!(expected, "{name}: {finding}");
            assert_eq!(finding.driver, "d.sys", "{name}: {finding}");
            assert!(finding.place.is_some(), "{name}: {finding}");
        }
    }
}

#[test]
fn what_objects_of_the_framework_lack_is_no_finding() {
    const SCOPE_SAYS: &str = "uses a synchronization scope of a device or queue";
    let workshop = Workshop::new();
    let client = driver("client.sys");
    for (name, says) in [("SCOPE=2", SCOPE_SAYS), ("SCOPE=3", SCOPE_SAYS)] {
        let provider = workshop.compile("d.sys", "kmdf.c", &[name]);
        let report = sim(&provider, &client, &["--seed", "5", "--cycles", "400"]).report();
        assert!(report.findings.is_empty(), "{name}: {:?}", report.findings);
        let first = report.unsupported.first();
        let unsupported = first.unwrap_or_else(|| panic!("{name}: not seen"));
        assert!(unsupported.what.contains(says), "{name}: {unsupported}");
        assert_eq!(unsupported.driver, "d.sys", "{name}: {unsupported}");
    }
}

/// What comes of the driver with a queue for each file with these macros.
fn queues(workshop: &Workshop, defines: &[&str], arguments: &[&str]) -> Run {
    let driver = workshop.compile("q.sys", "wdf_queues.c", defines);
    sim_with_drivers(&[&driver], &[&["--seed=5"], arguments].concat())
}

#[test]
fn requests_may_be_kept_in_a_queue_of_their_file() {
    let workshop = Workshop::new();
    for defines in [&[][..], &["PURGES_LATER"], &["OLD"]] {
        for faults in ["none", "systematic"] {
            let faults = format!("--faults={faults}");
            let run = queues(&workshop, defines, &["--cycles=300", &faults]);
            clean(&run.report());
            assert_eq!(run.status, Some(0), "{defines:?}: {}", run.err);
        }
    }
}

#[test]
fn each_way_of_a_request_is_met() {
    let workshop = Workshop::new();
    for place in ["1", "2", "3", "4"] {
        let reaches = format!("REACHES={place}");
        let arguments = ["--cycles=4000", "--until-found"];
        let report = queues(&workshop, &[&reaches, "PURGES_LATER"], &arguments).report();
        assert!(!report.findings.is_empty(), "{place}");
    }
}

#[test]
fn mistakes_with_queues_are_found() {
    let workshop = Workshop::new();
    for (name, code, says) in [
        ("DELETES_DEFAULT", "wdf", "the default queue of its device"),
        (
            "FORGETS",
            "0xC4",
            "a request was cancelled and is not completed",
        ),
    ] {
        let arguments = ["--cycles=300", "--until-found"];
        let report = queues(&workshop, &[name], &arguments).report();
        let found = report.findings.first().unwrap_or_else(|| panic!("{name}"));
        assert_eq!(found.code, code, "{name}: {found}");
        assert!(found.what.contains(says), "{name}: {found}");
    }
}
