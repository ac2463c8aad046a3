// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the documents leave open is drawn, unless it is fixed, or known of Windows.

use std::collections::BTreeSet;

use registrar::knobs::Knob;

use crate::pair::driver;
use crate::program::sim;

/// The answers that `knob` had in a few cycles.
fn answers(knob: Knob, knobs: &str) -> BTreeSet<String> {
    let arguments = ["--seed", "3", "--cycles", "6", "--trace", "--knobs", knobs];
    let arguments = [&arguments[..], &["--kernel=documents"]].concat();
    let run = sim(&driver("provider.sys"), &driver("client.sys"), &arguments);
    assert_eq!(run.status, Some(0), "{}", run.err);
    let question = format!("{knob}: ");
    run.out
        .lines()
        .filter_map(|line| Some(line.split_once(&question)?.1.to_owned()))
        .collect()
}

#[test]
fn a_knob_is_drawn_unless_it_is_fixed() {
    for knob in [Knob::DetachOrder, Knob::DeregisterWhenIdle] {
        let both = ["0", "1"].map(str::to_owned);
        assert_eq!(answers(knob, ""), BTreeSet::from(both));
        assert_eq!(
            answers(knob, &format!("{knob}:1")),
            BTreeSet::from(["1".to_owned()])
        );
    }
}

#[test]
fn a_kernel_that_is_none_is_answered_with_those_there_are() {
    let arguments = ["--seed", "3", "--cycles", "1", "--kernel", "linux"];
    let run = sim(&driver("provider.sys"), &driver("client.sys"), &arguments);
    assert_eq!(run.status, Some(2));
    let says = "'linux' is no kernel: choose documents, windows or both";
    assert!(run.err.contains(says), "{}", run.err);
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
}

#[test]
fn a_knob_that_is_none_is_answered_with_those_there_are() {
    let arguments = ["--seed", "3", "--cycles", "1", "--knobs", "Detach:1"];
    let run = sim(&driver("provider.sys"), &driver("client.sys"), &arguments);
    assert_eq!(run.status, Some(2));
    assert!(run.err.contains("'Detach:1'") && run.err.contains("DetachOrder:0-1"));
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
}
