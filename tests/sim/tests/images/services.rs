// SPDX-License-Identifier: MIT OR Apache-2.0

//! Loads that are requested during an unload, services that change while their drivers are
//! loaded, and the shutdown of the machine.

use scenarios::{Finding, Role};

use crate::fixture::Workshop;
use crate::pair::driver;
use crate::program::{Run, sim, sim_with_any_instances};

/// What comes of a client with these macros, in a script.
fn run(defines: &[&str], script: &str, arguments: &[&str]) -> Run {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("s.sys", "shutdown.c", defines);
    let script = format!("--script={script}");
    sim(
        &provider,
        &client,
        &[&["--seed=5", &script], arguments].concat(),
    )
}

/// The trace of one cycle.
fn trace(defines: &[&str], script: &str) -> String {
    let traced = run(defines, script, &["--cycles=1", "--trace"]);
    assert_eq!(traced.status, Some(0), "{}", traced.out);
    traced.out
}

fn finding(defines: &[&str], script: &str, arguments: &[&str]) -> Finding {
    let arguments = [&["--cycles=10"], arguments].concat();
    let findings = run(defines, script, &arguments).report().findings;
    let [finding] = <[Finding; 1]>::try_from(findings)
        .unwrap_or_else(|findings| panic!("{defines:?}: {findings:#?}"));
    assert_eq!(finding.driver, "s.sys", "{finding}");
    finding
}

fn function(finding: &Finding) -> &str {
    let place = finding.place.as_ref().expect("a place");
    &place.function
}

#[test]
fn each_registered_device_is_told_once_of_a_shutdown() {
    let traced = trace(&[], "+p+c.shutdown");
    let place = |text: &str| {
        assert_eq!(traced.matches(text).count(), 1, "{text}: {traced}");
        traced.find(text)
    };
    let first = place("shutdown of the first device, request 16, IRQL 0, mode 0, file 0");
    let last = place("shutdown of the last device, request 16, IRQL 0, mode 0, file 0");
    assert!(place("the machine shuts down") < first, "{traced}");
    assert!(first < place("the file systems are flushed"), "{traced}");
    assert!(place("the file systems are flushed") < last, "{traced}");
    assert!(traced.contains("flag 1"), "{traced}");
    assert!(!traced.contains("unload"), "{traced}");
}

#[test]
fn a_device_that_is_unregistered_is_not_told() {
    let traced = trace(&["UNREGISTERS"], "+c.shutdown");
    assert!(traced.contains("flag 0"), "{traced}");
    assert!(!traced.contains("shutdown of the first device"), "{traced}");
    assert!(traced.contains("shutdown of the last device"), "{traced}");
    let traced = trace(&[], "+p+c.-c.shutdown");
    assert!(!traced.contains("shutdown of the"), "{traced}");
    assert!(traced.contains("unload"), "{traced}");
}

#[test]
fn a_shutdown_that_a_driver_holds_up_is_found_in_that_driver() {
    for (name, function_name) in [("HOLDS", "Hold"), ("NEVER_COMPLETES", "Shutdown")] {
        let found = finding(&[name], "+p+c~50.shutdown", &[]);
        assert_eq!(found.code, "deadlock", "{found}");
        assert_eq!(function(&found), function_name, "{found}");
        let what = "the shutdown of the machine does not end";
        assert!(found.what.starts_with(what), "{found}");
    }
}

#[test]
fn a_shutdown_that_hangs_is_cut_down_to_the_driver_that_holds_it_up() {
    let script = "+p+c~50.-+c=c/disable^p~90.shutdown~30";
    let arguments = ["--cycles=1", "--minimise"];
    let last = run(&["HOLDS"], script, &arguments).last();
    assert_eq!(last["minimised"]["script"], "+c.shutdown", "{last}");
}

#[test]
fn a_device_is_unregistered_before_it_is_deleted() {
    let documents = ["--kernel=documents", "--knobs=NotificationAtDelete:1"];
    let found = finding(&["LEFT"], "+c.-c", &documents);
    assert_eq!((&*found.code, function(&found)), ("leak", "DeleteDevices"));
    assert!(
        found.what.contains("IoUnregisterShutdownNotification"),
        "{found}"
    );
    let found = finding(&["NO_DEVICE"], "+c.-c", &[]);
    assert_eq!((&*found.code, function(&found)), ("0xC4", "DriverEntry"));
}

#[test]
fn a_registration_that_fails_is_an_error_of_the_load() {
    for number in 1..=5 {
        let faults = format!("--faults=device:{number}");
        let arguments = ["--cycles=5", &faults];
        let report = run(&[], "+c.-c.+c.-c", &arguments).report();
        assert!(report.is_clean(), "{number}: {:#?}", report.findings);
        assert!(report.counts.failed_entries > 0, "{number}");
    }
}

#[test]
fn the_framework_tells_a_driver_of_a_shutdown() {
    let workshop = Workshop::new();
    let provider = workshop.compile("d.sys", "kmdf.c", &["SHUTDOWN"]);
    let client = workshop.module("c.sys", Role::Client, &[]);
    for script in ["+p.shutdown", "+p.-p"] {
        let script_option = format!("--script={script}");
        let arguments = ["--seed=5", "--cycles=1", "--trace", &script_option];
        let traced = sim(&provider, &client, &arguments);
        assert_eq!(traced.status, Some(0), "{}", traced.out);
        // Before and after the file systems are flushed.
        let times = if script == "+p.-p" { 0 } else { 2 };
        let told = traced.out.matches("EvtShutdown was called").count();
        assert_eq!(told, times, "{}", traced.out);
    }
}

#[test]
fn a_load_during_an_unload_is_refused_and_comes_after_it() {
    let script = "--script=+p+c~200.-+c~50.-+p-+c.-p-c";
    let arguments = ["--seed=3", "--cycles=40", script];
    let (provider, client) = (driver("provider.sys"), driver("client.sys"));
    let report = sim(&provider, &client, &arguments).report();
    assert!(report.is_clean(), "{:#?}", report.findings);
    let counts = report.counts;
    assert_eq!((counts.loads, counts.unloads), (5 * 40, 5 * 40));
    assert!(counts.manager_refusals["1056"] > 40, "{counts:?}");
    assert_eq!(counts.mechanisms.values().sum::<u64>(), 10 * 40);
}

#[test]
fn a_service_that_changes_while_its_driver_is_loaded_refuses_what_it_must() {
    let (provider, client) = (driver("provider.sys"), driver("client.sys"));
    for (script, refused) in [
        ("+c.=c/second.-c.=c/second", &[("1056", 1)][..]),
        ("+c.=c/disable.-c.+c.-c", &[("1058", 1)]),
        (
            "+c.=c/delete.=c/delete.=c/disable.-c.=c/delete.+c.-c",
            &[("1072", 2)],
        ),
        ("+c.=c/delete.-c.+c.-c", &[]),
    ] {
        let script_option = format!("--script={script}");
        let arguments = ["--seed=3", "--cycles=1", &script_option];
        let report = sim(&provider, &client, &arguments).report();
        assert!(report.is_clean(), "{script}: {:#?}", report.findings);
        let counts = report.counts.manager_refusals.into_iter();
        let counts: Vec<_> = counts.collect();
        let refused = refused
            .iter()
            .map(|(code, times)| ((*code).to_owned(), *times));
        assert!(refused.eq(counts.clone()), "{script}: {counts:?}");
    }
}

#[test]
fn a_shutdown_comes_while_a_driver_is_loaded_or_unloaded() {
    for (script, least, most) in [("+p+c.-cshutdown", 1, 199), ("+p.+cshutdown", 0, 0)] {
        let report = run(&[], script, &["--cycles=200"]).report();
        assert!(report.is_clean(), "{script}: {:#?}", report.findings);
        let counts = report.counts;
        assert_eq!(counts.shutdowns, 200, "{script}");
        // Some end before the shutdown does.
        assert!(
            (least..=most).contains(&counts.unloads),
            "{script}: {counts:?}"
        );
        assert!(counts.manager_refusals["1115"] > 0, "{script}: {counts:?}");
    }
    let during = |traced: String, begin: &str, end: &str| {
        let place = |text: &str| traced.find(text);
        let told = place("shutdown of the first device")?;
        (place(begin)? < told && place(end).is_none_or(|end| told < end)).then_some(())
    };
    for (script, begin, end) in [
        ("+p+c.-cshutdown", "the unload begins", "the unload ends"),
        (
            "+p.+cshutdown",
            "IoRegisterShutdownNotification",
            "DriverEntry of client =",
        ),
    ] {
        let traced = |cycle: u64| {
            let first = format!("--first={cycle}");
            run(&[], script, &[&first, "--cycles=1", "--trace"]).out
        };
        assert!(
            (0..40).any(|cycle| during(traced(cycle), begin, end).is_some()),
            "{script}"
        );
    }
}

#[test]
fn the_pair_survives_a_shutdown_at_any_time() {
    let (provider, client) = (driver("provider.sys"), driver("client.sys"));
    for script in [
        "+p+c~100.-p-cshutdown~50",
        "+p.+cshutdown~200",
        "+c^c.-c.+pshutdown~100",
        "+p+c.-c#cshutdown~50",
        "+p+c~50.-+pshutdown~50",
    ] {
        let option = format!("--script={script}");
        let report = sim(&provider, &client, &["--seed=3", "--cycles=60", &option]).report();
        assert!(report.is_clean(), "{script}: {:#?}", report.findings);
        assert_eq!(report.counts.shutdowns, 60, "{script}");
    }
}

#[test]
fn a_cycle_that_ends_in_a_shutdown_is_the_same_again() {
    let (provider, client) = (driver("provider.sys"), driver("client.sys"));
    let script = "--script=+p+c~100.-+c=c/delete^p.shutdown~100";
    let arguments = ["--seed=9", "--cycles=1", "--trace", script];
    let [one, other] = [(); 2].map(|()| sim_with_any_instances(&provider, &client, &arguments));
    assert_eq!(one.status, Some(0), "{}", one.out);
    assert!(one.out.contains("the service of client is deleted"));
    assert_eq!(one.out, other.out);
}
