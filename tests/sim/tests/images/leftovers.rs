// SPDX-License-Identifier: MIT OR Apache-2.0

//! A cycle finds nothing in memory that the cycles before it have left there.

use scenarios::Role;

use crate::fixture::Workshop;
use crate::program::sim;

#[test]
fn a_cycle_does_not_see_what_others_have_left_in_memory() {
    let workshop = Workshop::new();
    let provider = workshop.module("p.sys", Role::Provider, &[]);
    let client = workshop.compile("l.sys", "leftovers.c", &[]);
    let looks = |first: &str, cycles: &str| -> Vec<String> {
        let range = ["--first", first, "--cycles", cycles];
        let arguments = [&["--seed", "5", "--trace", "--script=+c.+p.-p"][..], &range].concat();
        let run = sim(&provider, &client, &arguments);
        let lines = run.out.lines().filter(|line| line.contains("variables "));
        let what = |line: &str| {
            line.split_once("variables ")
                .map(|(_, what)| what.to_owned())
        };
        lines.filter_map(what).collect()
    };
    let all = looks("0", "6");
    assert_eq!(all.len(), 6, "{all:?}");
    let is_clean = |look: &String| look.starts_with("0, ") && look.contains("block 0; stack 0");
    assert!(all.iter().all(is_clean), "{all:?}");
    for (cycle, look) in all.iter().enumerate() {
        assert_eq!(looks(&cycle.to_string(), "1"), [look.as_str()]);
    }
}
