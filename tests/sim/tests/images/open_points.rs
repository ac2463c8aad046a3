// SPDX-License-Identifier: MIT OR Apache-2.0

//! A driver that relies on one answer to what the documents leave open: what each of the
//! two kernels says of it.

use std::collections::BTreeSet;

use registrar::knobs::Knob;
use scenarios::{Finding, Report, Role};

use crate::fixture::Workshop;
use crate::program::sim;

/// A driver that relies on one answer.
struct Reliance {
    /// The macro of `open_points.c`.
    name: &'static str,
    /// The code of what is found where the answer is drawn.
    code: &'static str,
    /// The question, and the answer that it does not survive.
    point: &'static str,
    options: &'static [&'static str],
    /// The code of the note that the kernel `windows` makes of it, if it does.
    note: Option<&'static str>,
}

const FAILED_REGISTRATION: &[&str] = &["--faults=registration:1", "--script=+c.+p.-c-p"];

const RELIANCES: &[Reliance] = &[
    Reliance {
        name: "ASSUMES_PENDING",
        code: "R30",
        point: "DeregisterWhenIdle:1",
        options: &[],
        note: None,
    },
    Reliance {
        name: "PASSIVE_CALLBACKS",
        code: "0xC4",
        point: "CallbackIrql:1",
        options: &[],
        note: None,
    },
    Reliance {
        name: "VERSION_ONE",
        code: "R1",
        point: "InstanceVersion:1",
        options: &[],
        note: Some("R1"),
    },
    Reliance {
        name: "COMPLETES_EARLY",
        code: "R21",
        point: "CompleteBeforeDetach:1",
        // The provider is still there when the client goes.
        options: &["--script=+p.+c~50.-c.-p"],
        note: Some("R21"),
    },
    Reliance {
        name: "PATH_AS_TEXT",
        code: "0xCD",
        point: "RegistryPathEnd:0",
        options: &[],
        note: None,
    },
    Reliance {
        name: "DPC_LEFT",
        code: "0xCE",
        point: "DpcsAtUnload:0",
        options: &[],
        note: None,
    },
    Reliance {
        name: "FILE_NEEDED",
        code: "0x7E",
        point: "RequestFile:1",
        options: &[],
        note: None,
    },
    Reliance {
        name: "COMPARES_HANDLE",
        code: "R36",
        point: "HandleOnFailure:2",
        options: FAILED_REGISTRATION,
        note: Some("R36"),
    },
    Reliance {
        name: "DPC_TAKES_SECONDS",
        code: "0x133",
        point: "DpcTimeLimit:1",
        options: &[],
        note: None,
    },
    Reliance {
        name: "DELETED_REGISTERED",
        code: "leak",
        point: "NotificationAtDelete:1",
        options: &[],
        note: None,
    },
];

impl Reliance {
    fn run(&self, workshop: &Workshop, options: &[&str]) -> Report {
        run(workshop, &[self.name], &[self.options, options].concat())
    }
}

/// What comes of a client with these macros.
fn run(workshop: &Workshop, macros: &[&str], options: &[&str]) -> Report {
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("o.sys", "open_points.c", macros);
    let usual = ["--seed=3", "--cycles=60"];
    let run = sim(&provider, &client, &[&usual, options].concat());
    let report = run.report();
    let status = i32::from(!report.findings.is_empty());
    assert_eq!(run.status, Some(status), "{macros:?}: {}", run.err);
    report
}

fn codes(findings: &[Finding]) -> BTreeSet<&str> {
    findings.iter().map(|it| it.code.as_str()).collect()
}

#[test]
fn who_survives_every_answer_is_clean_in_both_kernels() {
    let report = run(&Workshop::new(), &[], &["--kernel=both"]);
    assert!(report.is_clean(), "{:#?}", report.findings);
    assert_eq!(report.notes, []);
    let kernels: Vec<_> = report.kernels.keys().map(String::as_str).collect();
    assert_eq!(kernels, ["documents", "windows"]);
    assert_eq!(report.kernels.values().sum::<u64>(), 60);
}

#[test]
fn who_relies_on_an_answer_is_found_where_it_is_open_and_told_so() {
    let workshop = Workshop::new();
    for it in RELIANCES {
        let report = it.run(&workshop, &["--kernel=documents"]);
        let name = it.name;
        assert_eq!(codes(&report.findings), BTreeSet::from([it.code]), "{name}");
        let finding = &report.findings[0];
        assert_eq!(finding.driver, "o.sys", "{name}: {finding}");
        let kernels: Vec<_> = finding.kernels.iter().collect();
        assert_eq!(kernels, ["documents"], "{name}: {finding}");
        let [point] = &finding.open_points[..] else {
            panic!("{name}: {finding}");
        };
        assert!(point.text.starts_with(it.point), "{name}: {finding}");
        assert!(
            finding.to_string().contains(&point.text),
            "{name}: {finding}"
        );
    }
}

#[test]
fn the_option_that_a_finding_names_excludes_it() {
    let workshop = Workshop::new();
    for it in RELIANCES {
        let report = it.run(&workshop, &["--kernel=documents"]);
        let point = &report.findings[0].open_points[0].text;
        let words: Vec<_> = point.split([' ', ',']).collect();
        let option = words.iter().position(|word| *word == "--knobs");
        let knobs = format!("--knobs={}", words[option.expect("an option") + 1]);
        let report = it.run(&workshop, &["--kernel=documents", &knobs]);
        assert_eq!(report.findings, [], "{}: {knobs}", it.name);
    }
}

#[test]
fn windows_shows_what_is_known_of_it() {
    let workshop = Workshop::new();
    for it in RELIANCES {
        let report = it.run(&workshop, &["--kernel=windows"]);
        assert_eq!(report.findings, [], "{}", it.name);
        let notes = it.note.into_iter().collect();
        assert_eq!(codes(&report.notes), notes, "{}", it.name);
    }
}

#[test]
fn a_dpc_that_windows_finishes_is_wrong_all_the_same_if_it_does_wrong() {
    let workshop = Workshop::new();
    for (name, code) in [("DPC_USES_FREED", "0xCC"), ("DPC_QUEUES_ANOTHER", "0xCE")] {
        let report = run(&workshop, &["DPC_LEFT", name], &["--kernel=windows"]);
        assert_eq!(codes(&report.findings), BTreeSet::from([code]), "{name}");
        assert!(report.findings[0].open_points.is_empty(), "{name}");
    }
}

#[test]
fn a_module_without_an_id_is_worth_a_note() {
    let options = ["--kernel=windows", "--knobs=NullModuleId:0"];
    let report = run(&Workshop::new(), &["NO_MODULE_ID"], &options);
    assert!(report.is_clean(), "{:#?}", report.findings);
    let [note] = &report.notes[..] else {
        panic!("{:#?}", report.notes);
    };
    assert_eq!((note.code.as_str(), note.driver.as_str()), ("R1", "o.sys"));
    assert_eq!(note.what, "ModuleId is NULL");
    assert!(note.count > 1, "{note}");
}

#[test]
fn a_trace_says_which_kernel_it_is_and_what_its_finding_rests_on() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("o.sys", "open_points.c", &["PATH_AS_TEXT"]);
    for (kernel, status) in [("documents", 1), ("windows", 0)] {
        let kernel = format!("--kernel={kernel}");
        let arguments = ["--seed=3", "--cycles=1", "--trace", &kernel];
        let traced = sim(&provider, &client, &arguments);
        assert_eq!(traced.status, Some(status), "{}", traced.out);
        let head = traced.out.lines().next().unwrap_or_default();
        assert!(
            head.contains(&kernel.replace("--kernel=", "kernel ")),
            "{head}"
        );
        assert_eq!(
            traced.out.contains("rests on RegistryPathEnd:0"),
            status == 1
        );
        assert_eq!(traced.out, sim(&provider, &client, &arguments).out);
    }
}

#[test]
fn every_knob_that_windows_is_known_to_answer_has_a_driver_that_relies_on_it() {
    let known = Knob::ALL
        .into_iter()
        .filter(|knob| knob.about().windows.is_some());
    for knob in known {
        let name = format!("{knob}:");
        let relied = RELIANCES.iter().any(|it| it.point.starts_with(&name));
        assert!(relied, "{knob}");
    }
}
