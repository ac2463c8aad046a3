// SPDX-License-Identifier: MIT OR Apache-2.0

//! Drivers that use Winsock Kernel: an echo server in C and clients of it in C and in Rust, alone
//! and together.

use std::path::PathBuf;

use crate::fixture::Workshop;
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
    for way in ["RESOLVES", "SENDS_AT_ONCE", "CONNECTS_AS_MADE"] {
        let client = workshop.compile("client.sys", "echo_client.c", &[way]);
        for faults in ["none", "systematic"] {
            let faults = format!("--faults={faults}");
            check(&[&server, &client], &["--cycles=40", &faults]);
        }
    }
}
