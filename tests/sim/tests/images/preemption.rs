// SPDX-License-Identifier: MIT OR Apache-2.0

//! Ways to schedule: what each finds, and that the pair survives them all.

use std::path::Path;

use scenarios::{Report, Role};
use sim::Strategy;

use crate::fixture::Workshop;
use crate::pair::driver;
use crate::program::sim;

fn race(workshop: &Workshop, client: &Path, options: &[&str]) -> Report {
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let mut arguments = vec!["--seed", "4", "--cycles", "1000"];
    arguments.extend(options);
    sim(&provider, client, &arguments).report()
}

#[test]
fn a_race_between_atomic_instructions_needs_preemption() {
    let workshop = Workshop::new();
    let client = workshop.compile("r.sys", "atomic_race.c", &["RACE"]);
    let without = race(&workshop, &client, &[]);
    assert!(without.is_clean(), "{:?}", without.findings);
    let with = race(&workshop, &client, &["--preempt"]);
    let finding = with.findings.first().expect("it is found");
    assert_eq!((&*finding.code, &*finding.driver), ("0xC2", "r.sys"));
    assert!(finding.what.contains("freed twice"), "{finding}");
}

#[test]
fn preemption_does_not_break_what_is_right() {
    let workshop = Workshop::new();
    let client = workshop.compile("r.sys", "atomic_race.c", &[]);
    let report = race(&workshop, &client, &["--preempt"]);
    assert!(report.is_clean(), "{:?}", report.findings);
}

#[test]
fn the_pair_survives_every_way_and_takes_the_same_course_again() {
    for strategy in Strategy::ALL {
        let name = strategy.to_string();
        let arguments = [
            "--seed",
            "6",
            "--cycles",
            "60",
            "--strategy",
            &name,
            "--preempt",
        ];
        let run = || sim(&driver("provider.sys"), &driver("client.sys"), &arguments).report();
        let once = run();
        assert!(once.is_clean(), "{name}: {:#?}", once.findings);
        assert!(once.same_course(&run()), "{name}");
    }
}
