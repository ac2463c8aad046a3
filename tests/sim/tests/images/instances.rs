// SPDX-License-Identifier: MIT OR Apache-2.0

//! Several instances of one image at once.

use scenarios::{Report, Role};

use crate::fixture::Workshop;
use crate::pair::driver;
use crate::program::{Run, sim_with_any_instances as sim};

fn run(arguments: &[&str]) -> Run {
    let arguments = [&["--seed", "3"], arguments].concat();
    sim(&driver("provider.sys"), &driver("client.sys"), &arguments)
}

#[test]
fn each_provider_is_bound_to_each_client() {
    let script = "--script=+p+p2+c+c2+c3~200.-p-p2-c-c2-c3";
    let report = run(&["--cycles", "5", script]).report();
    assert!(report.is_clean(), "{:#?}", report.findings);
    assert_eq!(report.counts.loads, 5 * 5);
    assert_eq!(report.counts.unloads, 5 * 5);
    // The modules of the other NPI are switched off and on by programs.
    assert!(report.counts.attaches > 5 * 2 * 3);
    assert_eq!(report.counts.detaches, 2 * report.counts.attaches);
}

#[test]
fn crowds_are_clean_and_take_the_same_course_however_they_are_dealt() {
    let crowds = |first, cycles| {
        let arguments = ["--instances=2x3", "--first", first, "--cycles", cycles];
        run(&arguments).report()
    };
    let whole = crowds("0", "30");
    assert!(whole.is_clean(), "{:#?}", whole.findings);
    assert_eq!(whole.orders["2x3 in any order"], 30);
    let mut dealt = Report::new("sim", 3, 30);
    dealt.merge(crowds("20", "10"));
    dealt.merge(crowds("0", "20"));
    assert!(whole.same_course(&dealt));
}

#[test]
fn a_part_of_all_cycles_has_several_instances() {
    let report = run(&["--cycles", "200"]).report();
    let crowds = |(order, cycles): (&String, &u64)| order.contains('x').then_some(*cycles);
    let crowds: u64 = report.orders.iter().filter_map(crowds).sum();
    assert!((4..100).contains(&crowds), "{crowds}");
}

#[test]
fn statics_are_each_instances_own_and_findings_name_it() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.module("d.sys", Role::Client, &["HANDLE_LEFT"]);
    let found = |script: &str| {
        let script = format!("--script={script}");
        sim(
            &provider,
            &client,
            &["--seed", "3", "--cycles", "1", &script],
        )
        .report()
        .findings
        .remove(0)
    };
    let second = found("+p+c+c2.-c2.-c.-p");
    assert_eq!((&*second.driver, second.instance), ("d.sys", 2));
    assert!(second.to_string().contains(" d.sys#2+"), "{second}");
    assert_eq!(second.thread, "unload client2");
    let first = found("+p+c+c2.-c.-c2.-p");
    assert_eq!((&*first.driver, first.instance), ("d.sys", 1));
    assert!(first.is_same_as(&second), "one defect in one image");
}

#[test]
fn sizes_that_are_none_are_refused() {
    for size in ["0x0", "3", "9x9"] {
        let run = run(&["--cycles", "1", &format!("--instances={size}")]);
        assert_eq!(run.status, Some(2), "{size}");
        assert_eq!(run.err.lines().count(), 1, "{}", run.err);
        assert!(run.err.contains(size), "{}", run.err);
    }
}
