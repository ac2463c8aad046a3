// SPDX-License-Identifier: MIT OR Apache-2.0

//! Time: short rounds of each case in turns.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Case, Run};

/// The least share of its time in which a round in two threads had both of them running.
const OVERLAP: f64 = 0.8;

/// The times of a case, in seconds for one run.
pub(crate) struct Times {
    /// The best in one thread.
    pub(crate) one: f64,
    /// In each of two threads that run at a time: the lower quartile.
    pub(crate) two: Option<f64>,
}

/// Spends `time` on each case, a round of each in turns.
pub(crate) fn in_turns(cases: &[Case<'_>], time: Duration) -> Vec<Times> {
    let mut one = vec![f64::INFINITY; cases.len()];
    let mut two = vec![Vec::new(); cases.len()];
    for case in cases {
        case.run.times(case.round);
    }
    let count = u32::try_from(cases.len()).unwrap_or(u32::MAX);
    let end = Instant::now() + time * count;
    while Instant::now() < end {
        for (case, (one, two)) in cases.iter().zip(one.iter_mut().zip(&mut two)) {
            let alone = Round::of(|times| case.run.times(times), case.round);
            *one = one.min(alone.seconds(case.round));
            if let Run::OneAndTwo(run) = &case.run {
                two.extend(in_two_threads(run, case.round));
            }
        }
    }
    (one.into_iter().zip(two))
        .map(|(one, two)| Times {
            one,
            two: lower_quartile(two),
        })
        .collect()
}

/// Not the best: in that one thread had stood still while the other had the memory for
/// itself.
fn lower_quartile(mut times: Vec<f64>) -> Option<f64> {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 4).copied()
}

#[derive(Clone, Copy)]
struct Round {
    began: Instant,
    ended: Instant,
}

impl Round {
    fn of(run: impl Fn(u32), times: u32) -> Self {
        let began = Instant::now();
        run(times);
        Self {
            began,
            ended: Instant::now(),
        }
    }

    /// For one run.
    fn seconds(self, times: u32) -> f64 {
        (self.ended - self.began).as_secs_f64() / f64::from(times)
    }
}

/// A round in each of two threads that begin together. None if they did not run
/// together.
fn in_two_threads(run: &(dyn Fn(u32) + Sync), times: u32) -> Option<f64> {
    let ready = AtomicU32::new(0);
    let round = || {
        ready.fetch_add(1, Ordering::Relaxed);
        while ready.load(Ordering::Relaxed) < 2 {
            spin_loop();
        }
        Round::of(run, times)
    };
    let (own, other) = thread::scope(|scope| {
        let other = scope.spawn(round);
        (round(), other.join())
    });
    let other = other.ok()?;
    let whole = Round {
        began: own.began.min(other.began),
        ended: own.ended.max(other.ended),
    };
    let both = (own.ended.min(other.ended)).checked_duration_since(own.began.max(other.began))?;
    let share = both.as_secs_f64() / (whole.ended - whole.began).as_secs_f64();
    (share >= OVERLAP).then(|| whole.seconds(times))
}
