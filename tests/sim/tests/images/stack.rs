// SPDX-License-Identifier: MIT OR Apache-2.0

//! A finding shows the driver's own calls, across thunks and callbacks.

use std::path::Path;

use scenarios::{Finding, Role};

use crate::fixture::Workshop;
use crate::program::sim;

fn finding(provider: &Path, client: &Path) -> Finding {
    let run = sim(provider, client, &["--seed", "5", "--cycles", "50"]);
    let mut findings = run.report().findings;
    assert_eq!(findings.len(), 1, "{findings:?} {}", run.err);
    findings.remove(0)
}

/// `module!function` of each frame, the innermost first.
fn functions(finding: &Finding) -> Vec<String> {
    let name = |frame: &scenarios::Frame| {
        let place = frame.place.as_ref();
        let function = place.map_or("?", |place| &place.function);
        format!("{}!{function}", frame.module)
    };
    finding.stack.iter().map(name).collect()
}

const DEEP: [&str; 4] = ["d.sys!Third", "d.sys!Second", "d.sys!First", "d.sys!Unload"];

#[test]
fn frames_of_every_shape_are_unwound() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    for (defect, outermost) in [
        ("FAULT", None),
        ("JUMP", None),
        ("WAIT", Some("ntoskrnl.exe!KeWaitForSingleObject")),
        ("AT_DISPATCH", Some("ntoskrnl.exe!ZwClose")),
    ] {
        let client = workshop.compile("d.sys", "deep.c", &[defect]);
        let finding = finding(&provider, &client);
        let expected: Vec<_> = outermost.into_iter().chain(DEEP).collect();
        assert_eq!(functions(&finding), expected, "{defect}: {finding}");
        let line = |frame: &scenarios::Frame| frame.place.as_ref().and_then(|place| place.line);
        let own = &finding.stack[expected.len() - DEEP.len()..];
        let lines: Vec<_> = own.iter().filter_map(line).collect();
        assert_eq!(lines[1..], [33, 38, 44], "{defect}: the lines of the calls");
        let place = finding.place.as_ref().and_then(|place| place.line);
        assert_eq!(place, Some(lines[0]), "{defect}: {finding}");
    }
}

#[test]
fn a_stack_goes_on_behind_callbacks_and_the_peer() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &["SUBMIT_FAULTS"]);
    let client = workshop.module("c.sys", Role::Client, &[]);
    let script = "--script=+p.+c.-c.-p";
    let run = sim(&provider, &client, &["--seed=5", "--cycles=1", script]);
    let finding = run.report().findings.remove(0);
    assert_eq!(
        functions(&finding),
        [
            "p.sys!Submit",
            "c.sys!Attach",
            "netio.sys!NmrRegisterClient",
            "c.sys!DriverEntry"
        ],
        "{finding:?}"
    );
}
