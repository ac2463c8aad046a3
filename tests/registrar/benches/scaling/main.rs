// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a binding costs, from 1x1 to 400x400, with checks off and on: registering both
//! sides, attach, detach, both cleanups, deregistering and waiting. Clients go first and
//! providers go first, in turns.
//!
//! Fails if a binding among 400x400, or a 1x1 beside 200x200 bindings of others, costs
//! more than twice as much as a 1x1.

mod hosts;
mod modules;

use std::process::ExitCode;
use std::ptr;
use std::sync::Once;

use measure::{Bench, Case, Measured, Run};
use registrar::process::Process;

use hosts::{Bare, Named};
use modules::{Handles, Pair, come, go};

/// How many times a 1x1 any other binding may cost.
const FLAT: f64 = 2.0;
/// The most modules of each side whose instructions are counted.
const MOST_COUNTED: u32 = 100;
/// Bindings in a round.
const ROUND: u32 = 10_000;

fn handles(size: u32) -> Vec<Handles> {
    vec![Handles([ptr::null_mut(); 2]); size as usize]
}

/// Bindings of `size` x `size`, beside others of `bystanders` x `bystanders`.
fn case<H: Named>(size: u32, bystanders: u32) -> Case<'static> {
    let company = match bystanders {
        0 => String::new(),
        _ => format!(" beside {bystanders}x{bystanders}"),
    };
    let (pair, other) = (Pair::new::<H>(1), Pair::new::<H>(2));
    let nmr = H::registrar();
    let others = Once::new();
    Case {
        name: format!("{size}x{size}{company}, {}", H::NAME),
        run: Run::One(Box::new(move |times| {
            // They stay as long as the program runs.
            others.call_once(|| come(&nmr, other, &mut handles(bystanders)));
            let mut handles = handles(size);
            for time in 0..times {
                come(&nmr, pair, &mut handles);
                go(&nmr, &handles, time % 2 == 1);
            }
        })),
        round: (ROUND / (size * size)).max(2),
        operations: size * size,
        // What a binding takes among more of them, its time tells.
        counted: size <= MOST_COUNTED,
    }
}

/// What costs too much beside the 1x1 of the same host.
fn not_flat(measured: &[Measured], host: &str) -> Vec<String> {
    let mut those = measured.iter().filter(|it| it.name.ends_with(host));
    let Some(smallest) = those.next() else {
        return Vec::new();
    };
    those
        .filter(|it| it.ns > FLAT * smallest.ns)
        .map(|it| {
            let (name, times) = (&it.name, it.ns / smallest.ns);
            format!("{name}: {times:.2} times as much as 1x1, the limit is {FLAT}")
        })
        .collect()
}

fn add<H: Named>(bench: &mut Bench<'_>) {
    for (size, bystanders) in [(1, 0), (10, 0), (100, 0), (400, 0), (1, 200)] {
        bench.add(case::<H>(size, bystanders));
    }
}

fn main() -> ExitCode {
    let mut bench = Bench::new("scaling");
    add::<Bare>(&mut bench);
    add::<Process>(&mut bench);
    bench.run(|measured| {
        [Bare::NAME, Process::NAME]
            .iter()
            .flat_map(|host| not_flat(measured, host))
            .collect()
    })
}
