// SPDX-License-Identifier: MIT OR Apache-2.0

//! What `--unloads` measures.

use serde_json::Value;

use crate::fixture::Workshop;
use crate::pair::driver;
use crate::program::{Run, sim_with_any_instances, sim_with_drivers};

/// The unloads of a run, in their order.
fn unloads(run: &Run) -> Vec<Value> {
    let lines = run.out.lines();
    let lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter_map(|mut line| Some(line.get_mut("unload")?.take()))
        .collect()
}

fn number(of: &Value, name: &str) -> u64 {
    of[name].as_u64().unwrap_or_else(|| panic!("{of}"))
}

#[test]
fn each_instruction_of_the_driver_counts_once_and_none_of_the_kernel() {
    let workshop = Workshop::new();
    let image = workshop.compile("counted.sys", "counted.c", &[]);
    // Among these cycles are some in which threads would be preempted.
    let arguments = ["--seed=1", "--cycles=20", "--unloads=instructions"];
    let run = sim_with_drivers(&[&image], &[&arguments[..], &["--script=+c.-c"]].concat());
    let counts: Vec<_> = unloads(&run)
        .iter()
        .map(|it| {
            let counted = &it["instructions"];
            (number(counted, "own"), number(counted, "others"))
        })
        .collect();
    assert_eq!(counts, [(15, 0); 20], "{}{}", run.out, run.err);
}

#[test]
fn the_unload_of_the_pair_is_measured_with_what_it_meets() {
    let run = |more: &[&str]| {
        let usual = ["--seed=1", "--cycles=8", "--script=+p.+c~500.-c.-p"];
        let arguments = [&usual[..], more].concat();
        sim_with_any_instances(&driver("provider.sys"), &driver("client.sys"), &arguments)
    };
    let measured = run(&["--unloads=time"]);
    let unloads = unloads(&measured);
    assert_eq!(unloads.len(), 2 * 8);
    for pair in unloads.chunks(2) {
        let [client, provider] = pair else { panic!() };
        // Echo, and telemetry unless a program has switched it off.
        assert!((1..=2).contains(&number(client, "bindings")), "{client}");
        assert_eq!(number(provider, "bindings"), 0, "{provider}");
        assert_eq!(client["image"], "client.sys");
        assert!(number(client, "bytes") > 0, "{client}");
        assert!(number(client, "completed") < number(client, "time"));
        assert!(client.get("instructions").is_none());
    }
    assert!(unloads.iter().any(|it| number(it, "requests") > 0));
    assert!(unloads.iter().any(|it| number(it, "completed") > 0));
    assert!(!run(&[]).out.contains("\"unload\""));
}
