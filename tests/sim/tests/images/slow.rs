// SPDX-License-Identifier: MIT OR Apache-2.0

//! Slow is not stuck: drivers that sleep, and drivers that spin until another thread is
//! done.

use scenarios::{Report, Role};

use crate::fixture::Workshop;
use crate::program::{Run, sim};

fn run(defect: &str, cycles: &str) -> (Run, Report) {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.module("d.sys", Role::Client, &[defect]);
    let run = sim(&provider, &client, &["--seed", "5", "--cycles", cycles]);
    let report = run.report();
    (run, report)
}

#[test]
fn an_unload_that_sleeps_is_timed_and_no_deadlock() {
    let (run, report) = run("SLEEPS_A_MINUTE", "20");
    assert_eq!(run.status, Some(0), "{:?} {}", report.findings, run.err);
    assert_eq!(report.counts.slow_unloads["d.sys"], 60);
}

#[test]
fn a_loop_until_a_time_has_come_ends() {
    let (run, report) = run("SPINS_ON_THE_CLOCK", "20");
    assert_eq!(run.status, Some(0), "{:?} {}", report.findings, run.err);
}

#[test]
fn a_thread_that_polls_for_ever_is_named_with_its_line() {
    let (run, report) = run("POLLS_FOREVER", "1");
    assert_eq!(run.status, Some(1), "{}", run.err);
    let finding = &report.findings[0];
    assert_eq!((&*finding.code, &*finding.driver), ("livelock", "d.sys"));
    let place = finding.place.as_ref().expect("there is a .pdb");
    assert_eq!(place.function, "Unload", "{finding}");
}

#[test]
fn a_spin_that_ends_is_no_hang() {
    let (run, report) = run("SPINS", "300");
    assert_eq!(run.status, Some(0), "{:?} {}", report.findings, run.err);
}

#[test]
fn a_loop_that_does_more_than_look_ends_too() {
    let (run, report) = run("SPINS_AND_COUNTS", "2");
    assert_eq!(run.status, Some(0), "{:?} {}", report.findings, run.err);
}

#[test]
fn a_spin_at_dispatch_level_ends_if_there_is_another_processor() {
    let (_, report) = run("SPINS_AT_DISPATCH", "60");
    let hangs: u64 = report.findings.iter().map(|finding| finding.count).sum();
    assert!(report.findings.iter().all(|finding| finding.code == "hang"));
    assert!((1..40).contains(&hangs), "{:?}", report.findings);
}

#[test]
fn cycles_with_spins_have_the_same_trace() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.module("d.sys", Role::Client, &["SPINS"]);
    let trace = || {
        sim(
            &provider,
            &client,
            &["--seed", "5", "--cycles", "5", "--trace"],
        )
        .out
    };
    assert_eq!(trace(), trace());
}

#[test]
fn a_wait_that_is_missing_names_the_registration() {
    let (_, report) = run("NO_WAIT", "20");
    let finding = &report.findings[0];
    assert_eq!(finding.code, "R28");
    for part in [
        "a client of NPI {5f1d7a52-",
        ", registered at d.sys+",
        ", deregistered at d.sys+",
    ] {
        assert!(finding.what.contains(part), "{finding}");
    }
}
