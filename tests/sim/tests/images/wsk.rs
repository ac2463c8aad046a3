// SPDX-License-Identifier: MIT OR Apache-2.0

//! Drivers that use Winsock Kernel: an echo server in C and clients of it in C and in Rust, alone
//! and together.

use std::path::PathBuf;

use crate::fixture::{Workshop, check_found};
use crate::keyvalue::example;
use crate::program::sim_with_drivers;

/// Runs drivers that have to be clean, and to have done something.
fn check(drivers: &[&PathBuf], arguments: &[&str]) {
    let drivers: Vec<_> = drivers.iter().map(|it| it.as_path()).collect();
    let run = sim_with_drivers(&drivers, &[&["--seed=11"], arguments].concat());
    let report = run.report();
    let findings = &report.findings;
    assert!(
        report.is_clean(),
        "{drivers:?} {arguments:?}: {findings:#?}"
    );
    assert_eq!(run.status, Some(0), "{drivers:?}: {}", run.err);
}

#[test]
fn an_echo_server_and_its_clients_are_clean_alone_and_together() {
    let workshop = Workshop::new();
    let server = workshop.compile("server.sys", "echo_server.c", &[]);
    let client = workshop.compile("client.sys", "echo_client.c", &[]);
    let in_rust = example("wsk_client.sys");
    let together: [&[&PathBuf]; 5] = [
        &[&server],
        &[&client],
        &[&in_rust],
        &[&server, &client],
        &[&server, &in_rust],
    ];
    for drivers in together {
        for faults in ["none", "random", "systematic"] {
            let faults = format!("--faults={faults}");
            check(drivers, &["--cycles=40", &faults]);
        }
    }
}

#[test]
fn other_ways_to_connect_and_to_accept_are_clean() {
    let workshop = Workshop::new();
    let server = workshop.compile("server.sys", "echo_server.c", &["INSPECTS"]);
    for way in [
        "RESOLVES",
        "SENDS_AT_ONCE",
        "CONNECTS_AS_MADE",
        "WITH_CONTROL",
        "DRAINS",
    ] {
        let client = workshop.compile("client.sys", "echo_client.c", &[way]);
        for faults in ["none", "systematic"] {
            let faults = format!("--faults={faults}");
            check(&[&server, &client], &["--cycles=40", &faults]);
        }
    }
}

#[test]
fn transports_names_descriptors_and_lists_of_datagrams_are_as_documented() {
    let workshop = Workshop::new();
    let driver = workshop.compile("calls.sys", "network_calls.c", &[]);
    for faults in ["none", "random", "systematic"] {
        let faults = format!("--faults={faults}");
        check(&[&driver], &["--cycles=100", &faults]);
    }
}

#[test]
fn a_request_for_changes_of_the_transports_is_cancelled_by_the_deregistration() {
    let workshop = Workshop::new();
    let driver = workshop.compile("calls.sys", "network_calls.c", &[]);
    let run = sim_with_drivers(&[&driver], &["--seed=11", "--cycles=20", "--trace"]);
    for outcome in ["0xc0000120", "0x00000000"] {
        let complete = format!("WskControlClient is complete, {outcome}");
        assert!(run.out.contains(&complete), "{complete}");
    }
}

#[test]
fn each_misuse_is_found_under_the_rule_that_it_breaks() {
    const MISUSES: [(&str, &str, &str); 5] = [
        ("NO_IRP", "WSK13", "AwaitChange"),
        ("NOT_CACHED", "WSK13", "MakeDatagramSocket"),
        ("LEAVES_DESCRIPTOR", "WSK12", "MakeDatagramSocket"),
        ("RELEASES_DESCRIPTOR_TWICE", "WSK12", "MakeDatagramSocket"),
        ("TOO_LONG", "WSK10", "Exchange"),
    ];
    let workshop = Workshop::new();
    for (misuse, code, function) in MISUSES {
        let driver = workshop.compile("calls.sys", "network_calls.c", &[misuse]);
        let arguments = ["--seed=11", "--cycles=200", "--until-found"];
        let report = sim_with_drivers(&[&driver], &arguments).report();
        check_found(&report, misuse, code, 0, function);
        assert!(!report.findings[0].rule.is_empty(), "{misuse}");
    }
}

#[test]
fn a_stream_that_is_no_longer_functional_has_no_indication() {
    let workshop = Workshop::new();
    let server = workshop.compile("server.sys", "echo_server.c", &["TRUSTS_INDICATION"]);
    let client = workshop.compile("client.sys", "echo_client.c", &[]);
    let arguments = ["--seed=11", "--cycles=400", "--until-found"];
    let report = sim_with_drivers(&[&server, &client], &arguments).report();
    let finding = report.findings.first().expect("it is found");
    // The data may be indicated at DISPATCH_LEVEL.
    let codes = ["0x7E", "0xD1"];
    assert!(codes.contains(&&*finding.code), "{finding}");
    let place = finding.place.as_ref().map(|place| &*place.function);
    assert_eq!(place, Some("OnReceive"), "{finding}");
}
