// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs of any number of drivers, each in the role that it registers, and what a user
//! says about them: registry values, refusals, findings to ignore.

use std::path::{Path, PathBuf};

use crate::fixture::Workshop;
use crate::program::{Run, sim_with_any_instances, sim_with_drivers};

/// The driver `name` with these properties.
fn member(workshop: &Workshop, name: &str, properties: &[&str]) -> PathBuf {
    workshop.compile(name, "member.c", properties)
}

/// What 200 cycles with more arguments come to.
fn run(drivers: &[&PathBuf], arguments: &[&str]) -> Run {
    run_some(drivers, &[&["--cycles=200"], arguments].concat())
}

fn run_some(drivers: &[&PathBuf], arguments: &[&str]) -> Run {
    let drivers: Vec<&Path> = drivers.iter().map(|it| it.as_path()).collect();
    sim_with_drivers(&drivers, &[&["--seed=3"], arguments].concat())
}

#[test]
fn a_chain_of_three_drivers_attaches_in_any_order_of_its_images() {
    let workshop = Workshop::new();
    let first = member(&workshop, "first.sys", &["PROVIDES=1"]);
    let middle = member(&workshop, "middle.sys", &["PROVIDES=2", "CONSUMES=1"]);
    let last = member(&workshop, "last.sys", &["CONSUMES=2"]);
    for drivers in [[&first, &middle, &last], [&last, &first, &middle]] {
        let report = run(&drivers, &[]).report();
        assert!(report.is_clean(), "{:#?}", report.findings);
        let attached = &report.counts.attached;
        assert!(attached["first.sys"] > 0 && attached["last.sys"] > 0);
        assert!(attached["middle.sys"] > attached["first.sys"]);
        assert!(report.counts.calls > 0);
        for scenario in ["instances", "races", "handles", "gate", "switching"] {
            assert!(report.scenarios[scenario] > 0, "{:?}", report.scenarios);
        }
    }
}

#[test]
fn one_driver_alone_is_loaded_and_unloaded() {
    let workshop = Workshop::new();
    for properties in [["PROVIDES=1"], ["CONSUMES=1"]] {
        let driver = member(&workshop, "alone.sys", &properties);
        let ran = run(&[&driver], &[]);
        assert_eq!(ran.status, Some(0), "{}{}", ran.out, ran.err);
        let report = ran.report();
        assert!(report.counts.loads >= 200);
        assert_eq!(report.counts.attaches, 0);
        assert_eq!(report.counts.registered["alone.sys"].len(), 1);
    }
}

#[test]
fn one_driver_alone_has_no_peers_whatever_is_asked_for() {
    let workshop = Workshop::new();
    let driver = member(&workshop, "alone.sys", &["CONSUMES=1"]);
    for instances in ["1x1", "3x2"] {
        let ran = run(&[&driver], &[&format!("--instances={instances}")]);
        assert_eq!(ran.status, Some(0), "{}{}", ran.out, ran.err);
    }
    for other in ["--instances=1x0", "--only=paired", "--only=races"] {
        let ran = run(&[&driver], &[other]);
        assert_eq!(ran.status, Some(2), "{other}: {}", ran.out);
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    }
}

#[test]
fn several_instances_of_several_images_are_loaded() {
    let workshop = Workshop::new();
    let provider = member(&workshop, "p.sys", &["PROVIDES=1"]);
    let one = member(&workshop, "a.sys", &["CONSUMES=1"]);
    let other = member(&workshop, "b.sys", &["CONSUMES=1"]);
    let drivers = [&provider, &one, &other];
    let report = run(&drivers, &["--instances=2x3"]).report();
    assert!(report.is_clean(), "{:#?}", report.findings);
    let ran = run(&drivers, &["--instances=1x1"]);
    assert_eq!(ran.status, Some(2));
    assert!(
        ran.err.contains("--instances leaves out a driver"),
        "{}",
        ran.err
    );
    let ran = run_some(
        &drivers,
        &["--cycles=1", "--trace", "--script=+p+c.+c2.-c2.-p.-c"],
    );
    assert_eq!(ran.status, Some(0), "{}", ran.out);
    assert!(ran.out.contains("client2 is b.sys"), "{}", ran.out);
}

#[test]
fn a_script_names_no_role_without_a_driver() {
    let workshop = Workshop::new();
    let driver = member(&workshop, "p.sys", &["PROVIDES=1"]);
    let ran = run(&[&driver], &["--script=+p.+c.-c.-p"]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.err.contains("no driver is a client"), "{}", ran.err);
}

#[test]
fn registry_values_are_what_the_driver_reads() {
    let workshop = Workshop::new();
    let driver = member(&workshop, "reader.sys", &["PROVIDES=1", "SETTING"]);
    let values = ["--registry=reader:Depth=7", "--registry=reader:Name=abc"];
    let ran = run(&[&driver], &values);
    assert_eq!(ran.status, Some(0), "{}{}", ran.out, ran.err);
    let ran = run(&[&driver], &values[..1]);
    assert_eq!(ran.status, Some(1), "{}", ran.out);
    let ran = run(&[&driver], &["--registry=other:Depth=7"]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.err.contains("names no driver"), "{}", ran.err);
}

#[test]
fn a_driver_may_refuse_only_if_it_is_allowed_and_cleans_up() {
    let workshop = Workshop::new();
    let provider = member(&workshop, "p.sys", &["PROVIDES=1"]);
    let client = member(&workshop, "c.sys", &["CONSUMES=1", "REFUSES"]);
    let drivers = [&provider, &client];
    let report = run(&drivers, &[]).report();
    let finding = &report.findings[0];
    assert_eq!(finding.code, "load");
    assert!(finding.what.contains("--may-refuse"), "{finding}");

    let report = run(&drivers, &["--may-refuse"]).report();
    assert!(report.is_clean(), "{:#?}", report.findings);
    let refused = &report.counts.refused_loads;
    let text = refused.keys().next().expect("it refuses");
    assert!(text.starts_with("c.sys refuses with"), "{text}");
    assert!(text.contains("0xc0000001"), "{text}");
    assert!(report.counts.attaches > 0);

    let client = member(
        &workshop,
        "leaky.sys",
        &["CONSUMES=1", "REFUSES", "LEAKS_WHEN_REFUSING"],
    );
    let report = run(&[&provider, &client], &["--may-refuse"]).report();
    assert_eq!(report.findings[0].code, "R29", "{:#?}", report.findings);
}

#[test]
fn a_driver_that_can_be_loaded_once_is_no_finding() {
    let workshop = Workshop::new();
    let driver = member(&workshop, "once.sys", &["PROVIDES=1", "DEVICE"]);
    let report = run(&[&driver], &["--instances=2x0"]).report();
    assert!(report.is_clean(), "{:#?}", report.findings);
    let refused: Vec<_> = report.counts.refused_loads.keys().collect();
    let text = refused.first().expect("the second is refused");
    assert!(text.contains(r"\Device\Member is taken"), "{text}");
}

#[test]
fn what_is_ignored_is_counted() {
    let workshop = Workshop::new();
    let provider = member(&workshop, "p.sys", &["PROVIDES=1"]);
    let client = member(&workshop, "c.sys", &["CONSUMES=1", "REFUSES"]);
    let pair = |arguments: &[&str]| {
        let usual = ["--seed=3", "--cycles=50", "--without=failed-entry"];
        sim_with_any_instances(&provider, &client, &[&usual, arguments].concat()).report()
    };
    let report = pair(&["--ignore=load@DriverEntry"]);
    assert!(report.is_clean(), "{:#?}", report.findings);
    let counts = &report.counts;
    assert_eq!(
        counts.ignored["load c.sys DriverEntry"],
        counts.cycles_cut_short
    );
    assert!(counts.cycles_cut_short > 0);
    let matches = &counts.ignore_matches;
    assert_eq!(matches["load@DriverEntry"], counts.cycles_cut_short);
    let report = pair(&["--ignore=load@Unload"]);
    assert!(!report.is_clean());
    assert_eq!(report.counts.ignore_matches["load@Unload"], 0);
}

#[test]
fn a_driver_that_registers_nothing_was_not_tested() {
    let workshop = Workshop::new();
    let driver = member(&workshop, "idle.sys", &[]);
    let ran = run(&[&driver], &[]);
    assert_eq!(ran.status, Some(1), "{}", ran.out);
    assert!(ran.report().is_clean(), "{}", ran.out);
    let line = "error: not tested: in 200 cycles idle.sys registered nothing\n";
    assert_eq!(ran.err, line);
}

#[test]
fn a_driver_whose_device_a_program_opens_was_tested() {
    let workshop = Workshop::new();
    let driver = workshop.compile("files.sys", "control.c", &[]);
    let ran = run(&[&driver], &[]);
    assert!(ran.report().is_clean(), "{}", ran.out);
    assert_eq!((ran.status, ran.err.as_str()), (Some(0), ""));
}

#[test]
fn a_driver_with_a_routine_at_a_callback_object_was_tested() {
    let workshop = Workshop::new();
    let driver = workshop.compile("callback.sys", "callback.c", &[]);
    let ran = run(&[&driver], &[]);
    assert!(ran.report().is_clean(), "{}", ran.out);
    assert_eq!((ran.status, ran.err.as_str()), (Some(0), ""));
}

#[test]
fn a_driver_without_nmr_is_tested_by_what_it_has_at_work() {
    let workshop = Workshop::new();
    let sender = workshop.compile("s.sys", "sender.c", &[]);
    let target = workshop.compile("t.sys", "target.c", &[]);
    for drivers in [&[&sender, &target][..], &[&sender], &[&target]] {
        let ran = run(drivers, &["--faults=systematic"]);
        assert!(ran.report().is_clean(), "{}", ran.out);
        assert_eq!(ran.status, Some(0), "{}", ran.err);
    }
    let module = workshop.compile("m.sys", "target.c", &["COULD_REGISTER"]);
    let ran = run(&[&module], &[]);
    let line = "error: not tested: in 200 cycles m.sys registered nothing\n";
    assert_eq!((ran.status, ran.err.as_str()), (Some(1), line));
}
