// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a call through the NPI pays for its gate: entering and leaving, beside
//! the two locked instructions that any count of calls in flight costs, in the
//! same run.
//!
//! Fails if the gate costs more than half as much again.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nmr::gate::{Gate, Leave};

const LIMIT: f64 = 1.5;
/// Short rounds, of which the best counts: a busy machine then measures the
/// gate, not its neighbours.
const ROUND: u32 = 100_000;
const TIME: Duration = Duration::from_millis(500);

/// The best time of `body` in nanoseconds.
fn measure(mut body: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    let end = Instant::now() + TIME;
    while Instant::now() < end {
        let began = Instant::now();
        for _ in 0..ROUND {
            body();
        }
        best = best.min(began.elapsed().as_secs_f64() * 1e9 / f64::from(ROUND));
    }
    best
}

fn main() -> ExitCode {
    let count = AtomicUsize::new(0);
    let least = measure(|| {
        black_box(&count).fetch_add(1, Ordering::Acquire);
        black_box(&count).fetch_sub(1, Ordering::Release);
    });
    let gate = Gate::new();
    gate.open();
    let call = measure(|| {
        if black_box(&gate).enter() {
            // SAFETY: the gate is alive, and this is the entry's own leave.
            let left = unsafe { Gate::leave(black_box(&raw const gate)) };
            assert_eq!(left, Leave::NotLast);
        }
    });
    let ratio = call / least;
    println!("                      ns per call");
    println!("count up and down     {least:11.2}");
    println!("gate enter and leave  {call:11.2}   {ratio:.2} times as much, the limit is {LIMIT}");
    if ratio > LIMIT {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
