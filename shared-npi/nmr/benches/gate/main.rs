// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a call through an NPI pays for its gate: a guarded call of a function that does
//! nothing, beside the same call guarded otherwise.
//!
//! Fails if a gate of one word takes an instruction more than the shape of
//! `EX_RUNDOWN_REF`. Two processors at a time are only measured, because the host may
//! have one, or a busy second one.

// On Windows the layer binds to the system's own NETIO.SYS.
#![cfg_attr(windows, allow(unused, reason = "nothing is measured"))]

#[cfg(not(windows))]
mod module;
#[cfg(not(windows))]
mod shapes;

#[cfg(windows)]
fn main() {}

#[cfg(not(windows))]
fn main() -> std::process::ExitCode {
    use measure::{Bench, Case, Measured, Run};

    let mut bench = Bench::new("gate");
    let mut add = |name: &str, run: Box<dyn Fn(u32) + Sync>| {
        bench.add(Case {
            name: name.to_owned(),
            run: Run::OneAndTwo(run),
            round: 100_000,
            operations: 1,
            counted: true,
        });
    };
    add("bare call", shapes::bare());
    add("2 x sched_getcpu", shapes::processor());
    add("run-down reference", shapes::rundown());
    add("cache-aware run-down", shapes::cache_aware());
    add("Arc", shapes::arc());
    add("RwLock read", shapes::lock());
    add("gate of one word", shapes::gate::<shapes::One>());
    let per_processor = shapes::gate::<shapes::PerProcessor>();
    add("gate, word per processor", per_processor);
    add("Binding::enter, one word", module::call::<false>());
    let per_processor = module::call::<true>();
    add("Binding::enter, per proc.", per_processor);

    bench.run(|measured| {
        let instructions = |name: &str| {
            let find = |it: &&Measured| it.name == name;
            measured.iter().find(find).and_then(|it| it.instructions)
        };
        match (
            instructions("run-down reference"),
            instructions("gate of one word"),
        ) {
            (Some(rundown), Some(gate)) if gate > rundown => {
                vec![format!(
                    "a gate of one word takes {gate:.1} instructions, a run-down reference {rundown:.1}"
                )]
            }
            _ => Vec::new(),
        }
    })
}
