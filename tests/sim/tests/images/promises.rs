// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the pair promises, with a copy of its provider that does not keep it.

use std::fs;
use std::path::{Path, PathBuf};

use scenarios::{CODE_WORDS, Mutant, Mutation};

use crate::fixture::Workshop;
use crate::mutants::mutants_of;
use crate::pair::driver;
use crate::program::sim_with_any_instances as sim;

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("it is two folders down")
}

/// The source line of a mutant.
fn line(mutant: &Mutant) -> String {
    let file = mutant.place.file.as_deref().unwrap_or_default();
    let text = fs::read_to_string(checkout().join(file)).unwrap_or_default();
    let line = mutant.place.line.unwrap_or_default() as usize;
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    line.trim().to_owned()
}

/// The codes of what a copy of the provider with this change is found to do.
fn found(is_wanted: impl Fn(&Mutant) -> bool) -> Vec<String> {
    found_in("provider.sys", is_wanted)
}

/// The same of one of the drivers.
fn found_in(name: &str, is_wanted: impl Fn(&Mutant) -> bool) -> Vec<String> {
    let workshop = Workshop::new();
    let original = driver(name);
    let all = mutants_of(&original);
    let mutant = all.iter().find(|it| is_wanted(it)).expect("it is one");
    let image = changed(&workshop, name, mutant);
    let arguments = ["--seed=1", "--cycles=400", "--until-found"];
    let report = match name {
        "provider.sys" => sim(&image, &driver("client.sys"), &arguments),
        _ => sim(&driver("provider.sys"), &image, &arguments),
    }
    .report();
    let findings = report.findings.iter();
    findings.map(|finding| finding.code.clone()).collect()
}

/// A copy of one of the drivers with this change.
fn changed(workshop: &Workshop, name: &str, mutant: &Mutant) -> PathBuf {
    let mut content = fs::read(driver(name)).expect("it was built");
    content[mutant.position..][..mutant.bytes.len()].copy_from_slice(&mutant.bytes);
    let image = workshop.path(name);
    fs::write(&image, content).expect("the directory is there");
    image
}

#[test]
fn a_device_that_everybody_may_open_is_found() {
    let codes =
        found(|it| it.mutation == Mutation::NoCall && it.subject == "`ZwSetSecurityObject`");
    assert_eq!(codes, ["access"]);
}

#[test]
fn a_gate_that_stays_open_is_found() {
    let codes = found(|it| {
        it.mutation == Mutation::NoStore && line(it).contains("state.field.write_volatile(None)")
    });
    assert_eq!(codes, ["hold"]);
}

#[test]
fn a_refusal_with_another_status_is_found() {
    let codes = found(|it| {
        let function = &it.place.function;
        it.mutation == Mutation::OtherConstant
            && it.subject.contains("0xc0000010")
            && function.ends_with("control::handle::handle")
    });
    assert_eq!(codes, ["control"]);
}

#[test]
fn an_event_that_is_missing_is_found() {
    let codes = found(|it| {
        let in_cleanup = it.place.function.contains("cleanup_binding_context");
        it.mutation == Mutation::NoCall && it.subject.ends_with("::trace`") && in_cleanup
    });
    assert_eq!(codes, ["traced"]);
}

#[test]
fn a_slot_that_stays_in_use_is_found() {
    let codes = found_in("client.sys", |it| {
        it.mutation == Mutation::NoStore && line(it).contains("store(State::Idle as u8")
    });
    assert_eq!(codes, ["idle"]);
}

#[test]
fn a_source_that_is_not_subscribed_to_is_found() {
    let codes = found(|it| {
        it.mutation == Mutation::OtherBranch
            && line(it).contains("M::accepts_dispatch")
            && it.place.function.contains("Monitor")
    });
    assert_eq!(codes, ["idle"]);
}

#[test]
fn a_list_that_lacks_bindings_is_found() {
    let codes = found(|it| {
        it.mutation == Mutation::NoCall
            && it
                .subject
                .contains("enter_after::closure_env$0<provider::echo")
    });
    assert_eq!(codes, ["listed"]);
}

#[test]
fn another_number_of_threads_is_found() {
    let codes = found_in("client.sys", |it| {
        it.mutation == Mutation::OtherBranch && line(it).contains("zip(0..count)")
    });
    assert_eq!(codes, ["setting"]);
}

#[test]
fn a_switch_that_does_nothing_is_found() {
    let codes = found_in("client.sys", |it| {
        it.mutation == Mutation::NoCall && line(it) == "SOURCE.off(wait)"
    });
    assert_eq!(codes, ["control"]);
}

#[test]
fn another_number_of_requests_is_found() {
    let codes = found_in("client.sys", |it| {
        it.mutation == Mutation::OtherConstant
            && it.subject == "the constant 0x4"
            && line(it).contains("dword(\"Depth\"")
    });
    assert_eq!(codes, ["setting"]);
}

#[test]
fn a_control_device_that_refuses_everything_is_found() {
    let codes = found(|it| {
        it.mutation == Mutation::OtherField && line(it).ends_with("(*file.as_ptr()).FsContext };")
    });
    assert_eq!(codes, ["control"]);
}

#[test]
fn a_hold_that_is_refused_without_reason_is_found() {
    let codes = found(|it| {
        it.mutation == Mutation::OtherBranch && line(it) == "if state.field.is_null() {"
    });
    assert_eq!(codes, ["control"]);
}

#[test]
fn a_driver_without_its_events_is_found() {
    let codes = found(|it| {
        it.mutation == Mutation::OtherConstant && line(it) == "let is_free = place.is_none();"
    });
    assert_eq!(codes, ["traced"]);
}

#[test]
fn an_unload_that_is_measured_wrongly_is_found() {
    let codes = found_in("client.sys", |it| {
        it.mutation == Mutation::NoCall && it.subject == "`KeQueryPerformanceCounter`"
    });
    assert_eq!(codes, ["traced"]);
}

#[test]
fn a_cancellation_that_is_not_heeded_is_found() {
    let codes = found(|it| {
        it.mutation == Mutation::OtherField && line(it).contains("area().cancelled.load")
    });
    assert_eq!(codes, ["cancel"]);
}

#[test]
fn calls_that_a_module_does_not_make_are_found() {
    for (function, text) in [
        ("client::cancel", "unsafe { cancel(peer.context()"),
        ("query_statistics", "unsafe { query(provider.context()"),
        ("source::publish", "unsafe { publish(monitor.context()"),
    ] {
        let codes = found_in("client.sys", |it| {
            it.mutation == Mutation::NoCall && line(it).contains(text)
        });
        assert_eq!(codes, ["due"], "{function}");
    }
}

/// Where messages are passed over, a driver that differs in one takes the same course.
#[test]
fn another_message_is_no_other_course() {
    let workshop = Workshop::new();
    let original = driver("client.sys");
    let mutant = mutants_of(&original)
        .into_iter()
        .find(|it| {
            it.mutation == Mutation::NoCall
                && it.subject == "`wdk::print::_print`"
                && it.place.function == "client::driver_entry"
        })
        .expect("it prints that it is not loaded");
    let image = changed(&workshop, "client.sys", &mutant);
    let provider = driver("provider.sys");
    let course = |client: &Path, arguments: &[&str]| {
        let usual = ["--seed=1", "--cycles=100", "--faults=random"];
        let run = sim(&provider, client, &[&usual, arguments].concat());
        run.report().digest
    };
    let passed_over = ["--pass-over-messages"];
    assert_eq!(
        course(&original, &passed_over),
        course(&image, &passed_over)
    );
    assert_ne!(course(&original, &[]), course(&image, &[]));
}

/// A provider that has every function and offers none of them: the client calls none. It
/// does notify the client.
#[test]
fn what_a_provider_does_not_offer_is_not_called() {
    // Versions 1 to 1 of Echo, and all of its capabilities: to cancel, to be queried, to notify.
    const OFFER: [u8; 8] = [1, 0, 1, 0, 7, 0, 0, 0];
    let workshop = Workshop::new();
    let mut content = fs::read(driver("provider.sys")).expect("it was built");
    let places: Vec<_> = (0..content.len())
        .step_by(align_of::<u32>())
        .filter(|&place| content[place..].starts_with(&OFFER))
        .collect();
    assert_eq!(places.len(), 1, "where it offers them");
    content[places[0] + 4] = 4;
    let image = workshop.path("provider.sys");
    fs::write(&image, content).expect("the directory is there");
    let report = sim(&image, &driver("client.sys"), &["--seed=1", "--cycles=100"]).report();
    assert_eq!(report.findings, [], "of the client");
    assert!(report.counts.requests > 0, "some were submitted");
}

/// The table of what is promised names findings that there are, and each that is about a
/// promise.
#[test]
fn each_promise_has_a_finding_or_a_reason() {
    let page = fs::read_to_string(checkout().join("docs/promises.md")).expect("it is there");
    let rows: Vec<Vec<_>> = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| promise"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() > 20, "{}", rows.len());
    let mut named = Vec::new();
    for row in &rows {
        let [promise, findings, tiers] = row[..] else {
            panic!("{row:?}");
        };
        if findings == "-" {
            assert!(tiers.starts_with("not checked because "), "{promise}");
            continue;
        }
        for finding in findings.split(", ") {
            let word = finding.trim_matches('`');
            assert!(scenarios::is_code(word), "{promise}: {finding}");
            named.push(word.to_owned());
        }
        for tier in tiers.split(", ") {
            let known = ["simulated kernel", "Wine", "Windows"];
            assert!(known.contains(&tier), "{promise}: {tier}");
        }
    }
    let promises = [
        "access",
        "bound",
        "cancel",
        "completion",
        "control",
        "due",
        "hold",
        "idle",
        "listed",
        "mismatch",
        "offered",
        "reply",
        "setting",
        "statistics",
    ];
    for word in promises {
        assert!(CODE_WORDS.contains(&word), "{word}");
        assert!(named.iter().any(|it| it == word), "{word} is in no row");
    }
}
