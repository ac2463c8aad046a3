// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the clocks of a cycle show, and how exact its timers are.
//!
//! Interrupt time is the time since the cycle began and only goes forward. In a few cycles
//! somebody sets the system time, forward or back: absolute times follow it, intervals do
//! not.
//!
//! Microsoft's "Timer Accuracy" allows an interval to end up to a period of the system
//! clock early or late, and one that is shorter than the period to end at once; an absolute
//! time comes up to a period late. Most cycles are exact, so that little happens while a
//! driver waits; in a few the ends of waits are drawn.

use std::iter;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use crate::scheduling::{MICROSECOND, SECOND};

/// What the system clock showed when the cycle began: noon of 1 January 2026.
const START: u64 = 134_117_424_000_000_000;
/// The period of the system clock of Windows, 15.625 ms.
pub(crate) const PERIOD: u64 = 156_250;
/// The intervals at which the interrupt time may be updated: 0.5 ms at best, and "at least once
/// per system clock tick".
const UPDATES: [u64; 3] = [5_000, 10_000, PERIOD];
/// One in `RARITY` cycles sets the system time, and one in `RARITY` has inexact timers.
const RARITY: u32 = 8;

/// What a wait is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// For an interval, which may end early.
    Interval,
    /// A delay of a thread: Windows 8 and later measure it from now, not from the last tick
    /// of the clock, so that it is never shorter than asked for.
    Delay,
}

/// The clocks of a cycle.
#[derive(Debug)]
pub(crate) struct SystemClock {
    /// The times at which the system time is set, in ascending order, each with the difference
    /// from the unchanged time.
    settings: Vec<(u64, i64)>,
    /// How inexact timers are, if they are.
    inexact: Option<ChaCha8Rng>,
    /// After what time the interrupt time and the system time are updated.
    update: u64,
}

impl SystemClock {
    pub(crate) fn new(mut random: ChaCha8Rng) -> Self {
        let is_set = random.random_ratio(1, RARITY);
        let is_inexact = random.random_ratio(1, RARITY);
        let settings = if is_set {
            draw_settings(&mut random)
        } else {
            Vec::new()
        };
        let update = UPDATES[random.random_range(0..UPDATES.len())];
        Self {
            settings,
            update,
            inexact: is_inexact.then_some(random),
        }
    }

    /// The time of the last update of the interrupt time and of the system time.
    pub(crate) const fn last_update(&self, now: u64) -> u64 {
        now - now % self.update
    }

    /// The system time at a time of the cycle.
    pub(crate) fn system_time(&self, now: u64) -> u64 {
        let set = self.settings.iter().rev().find(|(from, _)| *from <= now);
        (START + now).saturating_add_signed(set.map_or(0, |(_, difference)| *difference))
    }

    /// How long it is from `now` until the system time is `due` or later.
    fn until_system_time(&self, due: u64, now: u64) -> u64 {
        let later = self.settings.iter().filter(|(from, _)| *from > now);
        let starts = iter::once(now).chain(later.clone().map(|(from, _)| *from));
        let ends = later.map(|(from, _)| *from).chain([u64::MAX]);
        starts
            .zip(ends)
            .map(|(start, end)| (start, end, due.saturating_sub(self.system_time(start))))
            .find(|(start, end, left)| left < &(end - start))
            .map_or(u64::MAX, |(start, _, left)| start + left - now)
    }

    /// How long it takes from `now` until a time that a driver gave has come: an interval
    /// if it is negative, or else a system time.
    pub(crate) fn wait(&mut self, due: i64, now: u64, timer: Timer) -> u64 {
        let interval = due.unsigned_abs();
        if due >= 0 {
            let wait = self.until_system_time(interval, now);
            let late = self.drawn(0, PERIOD);
            return wait.saturating_add(if wait == 0 { 0 } else { late });
        }
        let early = match timer {
            Timer::Interval => self.drawn(0, PERIOD),
            Timer::Delay => 0,
        };
        let late = self.drawn(0, PERIOD);
        interval.saturating_add(late).saturating_sub(early)
    }

    /// A number of the range where timers are inexact, or else 0.
    fn drawn(&mut self, from: u64, to: u64) -> u64 {
        let random = self.inexact.as_mut();
        random.map_or(0, |random| random.random_range(from..=to))
    }
}

/// One or two settings, soon after the cycle began or later.
fn draw_settings(random: &mut ChaCha8Rng) -> Vec<(u64, i64)> {
    /// The differences: not far back, so that a wait for an absolute time ends within the cycle.
    const BY: [i64; 6] = [
        -60 * A_SECOND,
        -A_SECOND,
        -A_SECOND / 1000,
        A_SECOND / 1000,
        A_SECOND,
        3600 * A_SECOND,
    ];
    const A_SECOND: i64 = SECOND.cast_signed();
    let mut at = 0;
    let count = random.random_range(1..=2);
    (0..count)
        .map(|_| {
            at += MICROSECOND * 10_u64.pow(random.random_range(1..=5)) * random.random_range(1..=9);
            (at, BY[random.random_range(0..BY.len())])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn set(settings: &[(u64, i64)]) -> SystemClock {
        SystemClock {
            update: PERIOD,
            settings: settings.to_vec(),
            inexact: None,
        }
    }

    fn absolute(clocks: &mut SystemClock, due: u64, now: u64) -> u64 {
        clocks.wait((START + due).cast_signed(), now, Timer::Interval)
    }

    #[test]
    fn an_absolute_time_follows_the_system_time_and_an_interval_does_not() {
        let mut back = set(&[(1000, -500)]);
        assert_eq!(absolute(&mut back, 900, 0), 900);
        assert_eq!(absolute(&mut back, 1200, 0), 1700);
        assert_eq!(absolute(&mut back, 1200, 1000), 700);
        assert_eq!(absolute(&mut back, 400, 1000), 0);
        assert_eq!(back.wait(-1200, 0, Timer::Interval), 1200);
        let mut forward = set(&[(1000, 500)]);
        assert_eq!(absolute(&mut forward, 900, 0), 900);
        assert_eq!(absolute(&mut forward, 1200, 0), 1000);
        assert_eq!(absolute(&mut forward, 1800, 0), 1300);
        assert_eq!(forward.system_time(999), START + 999);
        assert_eq!(forward.system_time(1000), START + 1500);
    }

    #[test]
    fn an_interval_ends_within_a_period_and_a_delay_not_early() {
        let random = ChaCha8Rng::seed_from_u64(1);
        let mut clocks = SystemClock {
            update: PERIOD,
            settings: Vec::new(),
            inexact: Some(random),
        };
        let asked = 3 * PERIOD;
        let due = -asked.cast_signed();
        let mut early = 0;
        for _ in 0..100 {
            let wait = clocks.wait(due, 7, Timer::Interval);
            assert!((asked - PERIOD..=asked + PERIOD).contains(&wait));
            early += u32::from(wait < asked);
            let wait = clocks.wait(due, 7, Timer::Delay);
            assert!((asked..=asked + PERIOD).contains(&wait));
            assert!(clocks.wait(-10, 7, Timer::Interval) <= 10 + PERIOD);
        }
        assert!((1..100).contains(&early));
    }
}
