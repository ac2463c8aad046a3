// SPDX-License-Identifier: MIT OR Apache-2.0

//! Requests that a driver sends to another one: what it may do with them, and each thing that
//! it may not.

use scenarios::Report;

use crate::fixture::{Workshop, check_found};
use crate::program::sim;

/// What comes of the sender with these macros.
fn report(workshop: &Workshop, defines: &[&str], arguments: &[&str]) -> Report {
    let target = workshop.compile("t.sys", "target.c", &[]);
    let sender = workshop.compile("s.sys", "sender.c", defines);
    let usual = ["--seed=5"];
    sim(&target, &sender, &[&usual, arguments].concat()).report()
}

/// The filter is unloaded first.
const SCRIPT: &str = "--script=+p.+c~2000.-c.-p";
const FOUND: &[&str] = &["--cycles=40", "--until-found"];

#[test]
fn a_driver_may_send_requests_while_either_is_loaded_and_unloaded() {
    let workshop = Workshop::new();
    for faults in ["none", "random", "systematic"] {
        let faults = format!("--faults={faults}");
        let report = report(&workshop, &[], &["--cycles=100", &faults]);
        assert!(report.is_clean(), "{faults}: {:#?}", report.findings);
    }
}

#[test]
fn each_misuse_is_found_where_it_is() {
    const MISUSES: [(&str, &str, u64, &str); 19] = [
        ("FREES_THREADED", "0xC9", 0x02, "Ask"),
        ("NEVER_SENT", "0xC4", 0x62, "Ask"),
        ("NO_WAIT", "0xC9", 0x0C, "Ask"),
        ("NO_WAIT_BY_HANDLE", "0xC9", 0x0C, "ByHandle"),
        ("HANDLE_OF_DEVICE_LEFT", "leak", 0, "OpenTarget"),
        ("GOES_ON", "0xC9", 0, "Order"),
        ("NO_ROUTINE", "0xC9", 0, "Order"),
        ("FREES_AND_GOES_ON", "0xC9", 0, "OnDoneFree"),
        ("NOT_FREED", "0xC4", 0x62, "Order"),
        ("SKIPS_SEND", "0xC9", 0x239, "Order"),
        ("FREES_EARLY", "0xC9", 0x20B, "Order"),
        ("REUSES_EARLY", "0xC9", 0, "Order"),
        ("SENDS_AGAIN", "0xC9", 0x205, "Order"),
        ("COMPLETES_BENEATH", "0xC9", 0x209, "Order"),
        ("COMPLETES_OWN", "0x44", 0, "Order"),
        ("NO_LOCATION", "0x35", 0, "Send"),
        ("FREES_AS_POOL", "0xC4", 0x105, "Order"),
        ("FREES_TWICE", "0xC9", 0x01, "Order"),
        ("CANCELS_FREED", "0xC9", 0, "Order"),
    ];
    let workshop = Workshop::new();
    for (misuse, code, first, function) in MISUSES {
        let arguments = [&["--script=+p.+c~3000.-c.-p"], FOUND].concat();
        let report = report(&workshop, &[misuse], &arguments);
        check_found(&report, misuse, code, first, function);
    }
}

/// What comes of the filter with these macros.
fn filter(workshop: &Workshop, defines: &[&str], arguments: &[&str]) -> Report {
    let target = workshop.compile("t.sys", "target.c", &[]);
    let filter = workshop.compile("f.sys", "filter.c", defines);
    let usual = ["--seed=5", "--may-refuse"];
    sim(&target, &filter, &[&usual, arguments].concat()).report()
}

#[test]
fn a_driver_may_have_a_device_on_top_of_anothers() {
    let workshop = Workshop::new();
    for faults in ["none", "random", "systematic"] {
        let faults = format!("--faults={faults}");
        let report = filter(&workshop, &[], &["--cycles=60", SCRIPT, &faults]);
        assert!(report.is_clean(), "{faults}: {:#?}", report.findings);
    }
    // The driver below waits for the one on top.
    let report = filter(&workshop, &[], &["--cycles=60", "--script=+p.+c~500.-p-c"]);
    assert!(report.is_clean(), "{:#?}", report.findings);
    assert!(report.counts.unloads_deferred > 0, "{:?}", report.counts);
}

#[test]
fn each_misuse_of_a_device_stack_is_found_where_it_is() {
    const MISUSES: [(&str, &str, u64, &str); 5] = [
        ("NOT_MARKED", "0xC9", 0x228, "OnPassed"),
        ("RETURNS_RAISED", "0xC4", 0xFA, "OnPassed"),
        ("RETURNS_OTHER", "0xC9", 0x224, "Dispatch"),
        ("DETACHES_TWICE", "0xC9", 0x202, "Remove"),
        ("DELETES_ATTACHED", "0xC9", 0x201, "Remove"),
    ];
    let workshop = Workshop::new();
    for (misuse, code, first, function) in MISUSES {
        let report = filter(&workshop, &[misuse], FOUND);
        check_found(&report, misuse, code, first, function);
    }
}

#[test]
fn a_file_object_keeps_the_other_driver() {
    let workshop = Workshop::new();
    let cycles = ["--cycles=20", "--script=+p.+c~3000.-c.-p"];
    let report = report(&workshop, &["FILE_LEFT"], &cycles);
    let found = &report.findings[0];
    assert_eq!(found.code, "leak", "{found}");
    assert!(found.what.contains("a reference to an object"), "{found}");
}

#[test]
fn a_driver_that_another_one_keeps_goes_after_it() {
    let workshop = Workshop::new();
    let later = ["--cycles=20", "--script=+p.+c~500.-p.-c"];
    let reports = [
        report(&workshop, &["KEEPS_FILE"], &later),
        filter(&workshop, &[], &later),
    ];
    for report in reports {
        assert!(report.is_clean(), "{:#?}", report.findings);
        assert!(report.counts.unloads_deferred > 0, "{:?}", report.counts);
    }
}
