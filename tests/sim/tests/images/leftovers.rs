// SPDX-License-Identifier: MIT OR Apache-2.0

//! A cycle finds nothing in memory that the cycles before it have left there.

use scenarios::Role;

use crate::fixture::Workshop;
use crate::program::sim;

#[test]
fn a_cycle_does_not_see_what_others_have_left_in_memory() {
    check(&[]);
}

#[test]
fn nor_in_more_memory_than_stays_with_the_process() {
    check(&["LARGE"]);
}

fn check(defines: &[&str]) {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("l.sys", "leftovers.c", defines);
    let looks = |first: &str, cycles: &str| -> Vec<String> {
        let range = ["--first", first, "--cycles", cycles];
        let arguments = [&["--seed", "5", "--trace", "--script=+c.-c"][..], &range].concat();
        let run = sim(&provider, &client, &arguments);
        let lines = run.out.lines().filter(|line| line.contains("variables "));
        let what = |line: &str| {
            line.split_once("variables ")
                .map(|(_, what)| what.to_owned())
        };
        lines.filter_map(what).collect()
    };
    let all = looks("0", "4");
    assert_eq!(all.len(), 4, "{all:?}");
    let is_clean =
        |look: &String| look.starts_with("0, ") && look.contains("block 0, before it 0; stack 0");
    assert!(all.iter().all(is_clean), "{all:?}");
    for (cycle, look) in all.iter().enumerate() {
        assert_eq!(looks(&cycle.to_string(), "1"), [look.as_str()]);
    }
}
