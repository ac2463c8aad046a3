// SPDX-License-Identifier: MIT OR Apache-2.0

//! Drivers that use Winsock Kernel: an echo server in C and clients of it in C and in Rust, alone
//! and together.

use std::path::PathBuf;

use scenarios::Report;

use crate::fixture::Workshop;
use crate::keyvalue::example;
use crate::program::sim_with_drivers;

fn run(drivers: &[&PathBuf], arguments: &[&str]) -> Report {
    let drivers: Vec<_> = drivers.iter().map(|it| it.as_path()).collect();
    sim_with_drivers(&drivers, &[&["--seed=11"], arguments].concat()).report()
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
            let report = run(drivers, &["--cycles=40", &faults]);
            assert!(
                report.is_clean(),
                "{drivers:?} {faults}: {:#?}",
                report.findings
            );
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
            let report = run(&[&server, &client], &["--cycles=40", &faults]);
            assert!(report.is_clean(), "{way} {faults}: {:#?}", report.findings);
        }
    }
}
