// SPDX-License-Identifier: MIT OR Apache-2.0

//! ETW: sessions that listen, events that are decoded, and what drivers do wrong with
//! either.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use scenarios::Role;

use crate::fixture::Workshop;
use crate::pair::driver;
use crate::program::{Run, sim};

/// The events of `etw.c` as the trace shows them.
const SEEN: &str = r#"etw Hands Seen: Text="a \"b\"", Status=0xc000000d, At={X=[3, 4], Y=true}"#;

/// The profile for Windows Performance Recorder.
const PROFILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../shared-npi/nmr-pair.wprp"
);

struct Bench {
    workshop: Workshop,
    provider: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let workshop = Workshop::new();
        let provider = workshop.module("p.sys", Role::Provider, &[]);
        Self { workshop, provider }
    }

    /// Runs `etw.c` with these macros.
    fn run(&self, defines: &[&str], arguments: &[&str]) -> Run {
        let client = self.workshop.compile("e.sys", "etw.c", defines);
        let arguments = [&["--seed", "3"], arguments].concat();
        sim(&self.provider, &client, &arguments)
    }

    /// The one finding, or the one note, of `etw.c` with this macro.
    fn says(&self, define: &str) -> (String, String, String) {
        let report = self.run(&[define], &["--cycles", "120"]).report();
        let mut all = report.findings.iter().chain(&report.notes);
        let first = all.next().unwrap_or_else(|| panic!("{define}: nothing"));
        assert_eq!(all.next(), None, "{define}");
        assert_eq!(first.driver, "e.sys", "{define}");
        let place = first.place.as_ref().expect("it has symbols");
        (
            first.code.clone(),
            place.function.clone(),
            first.what.clone(),
        )
    }
}

#[test]
fn events_are_decoded_and_sessions_come_and_go() {
    let bench = Bench::new();
    for defines in [&[][..], &["SLOW"], &["NAMELESS"]] {
        let report = bench.run(defines, &["--cycles", "120"]).report();
        assert!(report.is_clean(), "{defines:?}: {:?}", report.findings);
    }
    let trace = || bench.run(&[], &["--cycles", "50", "--trace"]).out;
    let out = trace();
    assert!(out.contains(SEEN), "{SEEN}");
    assert!(out.contains("etw session enables Hands: level "));
    assert!(out.contains("etw session disables Hands"));
    assert!(out.contains("etw session asks Hands for its state"));
    // A session that waited for it, before it had a name.
    assert!(out.contains("etw session enables {12345678-0001-0002-0102-030405060708}: level"));
    assert_eq!(out, trace(), "a run is a function of its seed");
}

#[test]
fn a_handle_is_used_while_it_is_registered() {
    let bench = Bench::new();
    for (define, code, says) in [
        (
            "LATE",
            "etw",
            "EtwWriteTransfer was called with the handle of the ETW provider Hands, after \
             EtwUnregister",
        ),
        (
            "FORGED",
            "etw",
            "EtwWriteTransfer was called with 0x1234, which is no ETW registration",
        ),
        (
            "TWICE",
            "0xC4",
            "the ETW provider Hands was unregistered twice",
        ),
        (
            "LEFT",
            "0xC4",
            "DriverUnload returned, but the registration of an ETW provider is left",
        ),
    ] {
        let function = match define {
            "LEFT" => "DriverEntry",
            "TWICE" => "Unload",
            _ => "Write",
        };
        let said = bench.says(define);
        assert_eq!((said.0.as_str(), said.1.as_str()), (code, function));
        assert!(said.2.contains(says), "{define}: {}", said.2);
    }
}

#[test]
fn an_event_that_no_tool_can_show_is_a_note() {
    let bench = Bench::new();
    for (define, says) in [
        (
            "CUT",
            "an ETW event cannot be decoded: its data ends within the field Y",
        ),
        (
            "LARGE",
            "an ETW event is refused: it has 70057 bytes, and an event has at most 64 KB with its \
             header",
        ),
    ] {
        let said = bench.says(define);
        assert_eq!((said.0.as_str(), said.2.as_str()), ("etw", says));
    }
    let (code, function, _) = bench.says("WILD");
    assert_eq!((code.as_str(), function.as_str()), ("0x7E", "Write"));
}

/// What `needles` do not occur in `text`.
fn missing<'a>(text: &str, needles: &[&'a str]) -> Vec<&'a str> {
    let missing = needles.iter().filter(|it| !text.contains(**it));
    missing.copied().collect()
}

#[test]
fn the_pairs_events_tell_of_each_step() {
    for (provider, client) in [
        ("provider.sys", "client.sys"),
        ("provider_wdf.sys", "client_wdf.sys"),
    ] {
        let arguments = ["--seed", "3", "--cycles", "60", "--trace"];
        let out = sim(&driver(provider), &driver(client), &arguments).out;
        let all: Vec<String> = ["Provider", "Client"]
            .iter()
            .flat_map(|side| {
                [
                    "Load: Status=0x00000000",
                    "Register: Module=\"Echo\", Status=0x00000000",
                    "Register: Module=\"Telemetry\", Status=0x00000000",
                    "Attach: Module=\"Echo\", Peer={",
                    "Detach: Module=\"Echo\", Peer={",
                    "Cleanup: Module=\"Telemetry\", Peer={",
                    "Deregister: Module=\"Echo\", Status=0x00000103",
                    "Deregistered: Module=\"Echo\"",
                    "Unload: Microseconds=",
                ]
                .map(|event| format!("etw NmrPair.Echo{side} {event}"))
            })
            .collect();
        let all: Vec<_> = all.iter().map(String::as_str).collect();
        assert_eq!(missing(&out, &all), [""; 0], "{provider}");
        // The profile for Windows Performance Recorder has the GUIDs of the images.
        let profile = fs::read_to_string(PROFILE).expect("the profile");
        let mut sides = BTreeSet::new();
        for line in out.lines() {
            // A session that waited for a provider knows it by its GUID.
            let Some((thread, after)) = line.split_once("etw session enables {") else {
                continue;
            };
            let (guid, _) = after.split_once('}').expect("a whole GUID");
            let is_provider = thread.contains("load provider");
            let side = if is_provider { "Provider" } else { "Client" };
            sides.insert(side);
            let named = format!("<EventProvider Id=\"NmrPair.Echo{side}\" Name=\"{guid}\"");
            assert!(profile.contains(&named), "{provider}: {named}");
        }
        assert_eq!(sides.len(), 2, "{provider}");
        // A detach that waits says for how much.
        let waits = |line: &str| line.contains(" Detach: ") && !line.ends_with("InFlight=0");
        assert!(out.lines().any(waits), "{provider}");
    }
}
