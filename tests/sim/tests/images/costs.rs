// SPDX-License-Identifier: MIT OR Apache-2.0

//! What cycles cost.

use serde_json::Value;

use crate::pair::driver;
use crate::program::{Run, sim_with_any_instances};

fn run(cycles: &str, more: &[&str]) -> Run {
    let arguments = [&["--seed", "3", "--cycles", cycles], more].concat();
    sim_with_any_instances(&driver("provider.sys"), &driver("client.sys"), &arguments)
}

fn costs(cycles: &str) -> (Value, Run) {
    let run = run(cycles, &["--costs", "--races=off"]);
    let mut lines = run.out.lines();
    let line = lines.find(|line| line.starts_with(r#"{"costs""#));
    let line = line.unwrap_or_else(|| panic!("{}{}", run.out, run.err));
    let mut value: Value = serde_json::from_str(line).expect("JSON");
    (value["costs"].take(), run)
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

#[test]
fn the_time_of_a_run_is_divided_among_kinds() {
    let (costs, measured) = costs("60");
    let all = number(&costs["user"]) + number(&costs["system"]);
    let kinds = costs["kinds"].as_array().expect("a list");
    let sum: u64 = kinds.iter().map(|kind| number(&kind["time"])).sum();
    assert!(sum <= all && all - sum <= 10, "{costs}");
    let names: Vec<_> = kinds
        .iter()
        .filter_map(|kind| kind["kind"].as_str())
        .collect();
    let expected = [
        "running",
        "protection",
        "clearing",
        "loading",
        "scheduling",
        "checks",
        "cycle",
    ];
    assert_eq!(names, expected);
    for kind in &kinds[..6] {
        assert!(number(&kind["times"]) >= 60, "{costs}");
    }
    let plain = run("60", &["--races=off"]);
    assert!(!plain.out.contains("costs"));
    assert_eq!(measured.report().counts, plain.report().counts);
}

/// Breakpoints are jumps where there is room for one, and pages stay from cycle to cycle.
#[test]
fn cycles_cost_few_exceptions_and_page_faults() {
    let (few, _) = costs("50");
    let (many, run) = costs("250");
    let more = |what: &str| number(&many[what]).saturating_sub(number(&few[what]));
    let calls = run.report().counts.calls;
    assert!(more("exceptions") * 2 < calls, "{many} for {calls} calls");
    assert!(more("page_faults") < 100 * 200, "{few} {many}");
}
