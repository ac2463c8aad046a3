// SPDX-License-Identifier: MIT OR Apache-2.0

//! Ways to schedule: what each finds, and that the pair survives them all.

use std::path::Path;

use scenarios::{Report, Role};
use sim::Strategy;

use crate::fixture::Workshop;
use crate::pair::driver;
use crate::program::{Run, sim};

/// Runs cycles of a module whose threads drop one block.
fn race(workshop: &Workshop, client: &Path, options: &[&str]) -> Run {
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    sim(&provider, client, &[&["--seed", "4"], options].concat())
}

/// The cycle in which the block was freed twice.
fn cycle_with_race(report: &Report) -> u64 {
    let finding = report.findings.first().expect("it is found");
    assert_eq!((&*finding.code, &*finding.driver), ("0xC2", "r.sys"));
    assert!(finding.what.contains("freed twice"), "{finding}");
    finding.cycle
}

#[test]
fn a_race_between_atomic_instructions_is_found_and_replayed() {
    const SEARCH: [&str; 3] = ["--cycles", "1000", "--until-found"];
    let workshop = Workshop::new();
    let client = workshop.compile("r.sys", "atomic_race.c", &["RACE"]);
    let always = race(&workshop, &client, &[&SEARCH[..], &["--preempt"]].concat());
    let early = cycle_with_race(&always.report());
    let cycle = cycle_with_race(&race(&workshop, &client, &SEARCH).report());
    assert!(early <= cycle, "more cycles are preempted with --preempt");

    let first = cycle.to_string();
    let again = ["--first", &first, "--cycles", "1"];
    let replayed = race(&workshop, &client, &again).report();
    assert_eq!(cycle_with_race(&replayed), cycle);
    let minimised = race(&workshop, &client, &[&again[..], &["--minimise"]].concat());
    let code = &minimised.last()["minimised"]["finding"]["code"];
    assert_eq!(code, "0xC2", "{}", minimised.err);
}

#[test]
fn preemption_does_not_break_what_is_right() {
    let workshop = Workshop::new();
    let client = workshop.compile("r.sys", "atomic_race.c", &[]);
    for options in [&[][..], &["--preempt"]] {
        let options = [&["--cycles", "1000"], options].concat();
        let report = race(&workshop, &client, &options).report();
        assert!(report.is_clean(), "{:?}", report.findings);
    }
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
