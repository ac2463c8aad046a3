// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kinds of cycles, each by itself.

use std::path::{Path, PathBuf};

use scenarios::{Report, Role, Scenario};

use crate::fixture::Workshop;
use crate::pair::{driver, interop};
use crate::program::{Run, sim_with_any_instances as sim};

fn run(provider: &Path, client: &Path, only: Scenario) -> Report {
    let only = format!("--only={only}");
    sim(provider, client, &["--seed=3", "--cycles=80", &only]).report()
}

/// The drivers for the framework, and those in C, as arguments.
fn alternatives() -> [String; 4] {
    let argument = |kind, role, image: PathBuf| format!("--{kind}-{role}={}", image.display());
    let framework = |role| argument("wdf", role, driver(&format!("{role}_wdf.sys")));
    let c = |role| argument("c", role, interop(&format!("echo_{role}.sys")));
    let [provider, client] = ["provider", "client"];
    [
        framework(provider),
        framework(client),
        c(provider),
        c(client),
    ]
}

/// The pair of this project, with whatever it has.
fn run_pair(arguments: &[&str]) -> Run {
    let alternatives = alternatives();
    let alternatives = alternatives.each_ref().map(String::as_str);
    let arguments = [arguments, &alternatives].concat();
    sim(&driver("provider.sys"), &driver("client.sys"), &arguments)
}

#[test]
fn the_pair_is_clean_in_each() {
    for only in Scenario::ALL {
        let only_one = format!("--only={only}");
        let report = run_pair(&["--seed=3", "--cycles=80", &only_one]).report();
        assert!(report.is_clean(), "{only}: {:#?}", report.findings);
        assert_eq!(report.scenarios, [(only.to_string(), 80)].into(), "{only}");
        let counts = report.counts;
        assert_eq!(counts.shutdowns > 0, only == Scenario::Shutdown, "{only}");
        assert!(counts.every_driver_ended(), "{only}");
        assert_eq!(counts.failed_entries > 0, only == Scenario::FailedEntry);
    }
}

#[test]
fn driver_models_are_mixed_where_there_are_both() {
    let orders = |report: Report| {
        let orders = report.orders.into_keys();
        orders
            .filter(|order| order.starts_with("models "))
            .collect::<Vec<_>>()
    };
    let report = run_pair(&["--seed=3", "--cycles=300"]).report();
    assert!(report.is_clean(), "{:#?}", report.findings);
    assert_eq!(orders(report).len(), 3);
    let report = sim(
        &driver("provider.sys"),
        &driver("client.sys"),
        &["--seed=3", "--cycles=300"],
    );
    assert_eq!(orders(report.report()), [""; 0]);

    let script = "--script=Wdf:c.+p+c~500.-p-c";
    let traced = ["--seed=3", "--cycles=1", "--trace", script];
    let run = run_pair(&traced);
    assert_eq!(run.status, Some(0), "{}", run.out);
    assert!(run.out.contains("client_wdf.sys"), "{}", run.out);
    assert!(!run.out.contains("provider_wdf.sys"), "{}", run.out);
    assert_eq!(run.out, run_pair(&traced).out);
}

#[test]
fn drivers_in_c_and_in_rust_serve_each_other() {
    for who in ["", "C:p.", "C:c.", "C:pc."] {
        let script = format!("--script={who}+p.+c~3000.-p-c");
        let report = run_pair(&["--seed=5", "--cycles=60", &script]).report();
        assert!(report.is_clean(), "{who}: {:#?}", report.findings);
        let counts = report.counts;
        assert!(counts.completions > 300, "{who}: {}", counts.completions);
        assert!(counts.detaches_pending_client > 0, "{who}");
        assert!(counts.detaches_pending_provider > 0, "{who}");
    }
    let traced = [
        "--seed=5",
        "--cycles=1",
        "--trace",
        "--script=C:p.+p+c~500.-p-c",
    ];
    let run = run_pair(&traced);
    assert!(run.out.contains("echo_provider.sys"), "{}", run.out);
    assert!(!run.out.contains("echo_client.sys"), "{}", run.out);
}

#[test]
fn the_service_control_manager_refuses_what_a_state_does_not_allow() {
    let pair = (&driver("provider.sys"), &driver("client.sys"));
    let refused = |only| {
        let counts = run(pair.0, pair.1, only).counts;
        counts.manager_refusals.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(refused(Scenario::Handles), ["1056", "1061", "1062"]);
    // Which error a driver is refused with that holds its gate is drawn.
    let held = ["1", "1052", "1056", "1061", "1062"];
    assert_eq!(refused(Scenario::Gate), held);
    assert!(refused(Scenario::Paired).is_empty());
}

#[test]
fn handles_that_programs_keep_put_unloads_off() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    for defines in [&[][..], &["HOLDS"], &["SECURED"]] {
        let client = workshop.compile("c.sys", "control.c", defines);
        let report = run(&provider, &client, Scenario::Handles);
        assert!(report.is_clean(), "{defines:?}: {:#?}", report.findings);
        let counts = report.counts;
        let put_off = counts.unloads_deferred + counts.gate_refusals;
        assert!(put_off > 80, "{counts:?}");
        assert_eq!(counts.loads, counts.unloads);
    }
}

#[test]
fn a_handle_that_is_never_closed_ends_with_its_program() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("c.sys", "control.c", &[]);
    for script in ["+c.^c.-c", "+c.^c.-c.+c.-c", "+c.^c.^c.-c_c%c#c"] {
        let script = format!("--script={script}");
        let report = sim(&provider, &client, &["--seed=3", "--cycles=20", &script]).report();
        assert!(report.is_clean(), "{script}: {:#?}", report.findings);
        assert!(report.counts.unloads_deferred >= 20, "{script}");
    }
}

#[test]
fn an_entry_that_fails_must_undo_what_it_has_done() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let right = workshop.module("c.sys", Role::Client, &[]);
    let wrong = workshop.module("d.sys", Role::Client, &["NO_ROLLBACK"]);
    let report = run(&provider, &right, Scenario::FailedEntry);
    assert!(report.is_clean(), "{:#?}", report.findings);
    let findings = run(&provider, &wrong, Scenario::FailedEntry).findings;
    assert!(!findings.is_empty());
    let named = |code: &str| ["0xCE", "0xC4"].contains(&code);
    assert!(
        findings
            .iter()
            .all(|found| found.driver == "d.sys" && named(&found.code)),
        "{findings:#?}"
    );
}

#[test]
fn what_cannot_be_had_is_refused_in_a_line() {
    let workshop = Workshop::new();
    let image = workshop.module("p.sys", Role::Provider, &[]);
    for (arguments, says) in [
        (
            ["--only=pairs", "--instances=1x1"],
            "`pairs` is no scenario",
        ),
        (
            ["--only=gate", "--instances=2x2"],
            "--only does not go with",
        ),
        (
            ["--only=models", "--instances=1x1"],
            "--only does not go with",
        ),
        (
            ["--script=Wdf:p.+p.-p", "--instances=1x1"],
            "there is no driver for what --script names with Wdf:p",
        ),
    ] {
        let arguments = [&["--seed=1", "--cycles=1"][..], &arguments].concat();
        let run = sim(&image, &image, &arguments);
        assert_eq!(run.status, Some(2), "{}", run.err);
        assert_eq!(run.err.lines().count(), 1, "{}", run.err);
        assert!(run.err.contains(says), "{}", run.err);
    }
}
