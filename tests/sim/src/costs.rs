// SPDX-License-Identifier: MIT OR Apache-2.0

//! The measurement of where cycles spend their time, with `--costs`. Without that option a
//! measured place costs one test of a variable.
//!
//! Time counts for one kind of activity at once: the time of a nested activity of another
//! kind counts for that kind only. Clock ticks of the processor are counted, and the
//! processor time of the run is divided in proportion.

use std::arch::x86_64::_rdtsc;
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

/// What time goes into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Drivers' own code, what they call, and the switches between threads.
    Running,
    /// To make pages accessible or inaccessible.
    Protection,
    /// To clear stacks, and to give pages back to the system.
    Clearing,
    /// To map images.
    Loading,
    /// To choose the thread that runs next.
    Scheduling,
    /// To check calls on their way in and out.
    Checks,
    /// To make a cycle's kernel and its report.
    Cycle,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Running,
        Self::Protection,
        Self::Clearing,
        Self::Loading,
        Self::Scheduling,
        Self::Checks,
        Self::Cycle,
    ];
}

static MEASURES: AtomicBool = AtomicBool::new(false);

thread_local! {
    static KIND: Cell<Kind> = const { Cell::new(Kind::Cycle) };
    static SINCE: Cell<u64> = const { Cell::new(0) };
    static SPENT: [Cell<Spent>; Kind::ALL.len()] = const {
        [const { Cell::new(Spent { times: 0, ticks: 0 }) }; Kind::ALL.len()]
    };
    static EXCEPTIONS: Cell<u64> = const { Cell::new(0) };
}

#[derive(Clone, Copy)]
struct Spent {
    times: u64,
    ticks: u64,
}

/// Runs `body`, which does not switch threads; its time is of this kind.
pub(crate) fn measure<R>(kind: Kind, body: impl FnOnce() -> R) -> R {
    if !MEASURES.load(Ordering::Relaxed) {
        return body();
    }
    let before = enter(kind);
    count(kind);
    let result = body();
    enter(before);
    result
}

/// Counts an exception of the processor, which a signal reports.
pub(crate) fn count_exception() {
    if MEASURES.load(Ordering::Relaxed) {
        EXCEPTIONS.set(EXCEPTIONS.get() + 1);
    }
}

/// Time is of this kind from now on. Returns the kind that it was of.
fn enter(kind: Kind) -> Kind {
    // SAFETY: every processor of this architecture has the instruction.
    let now = unsafe { _rdtsc() };
    let before = KIND.replace(kind);
    let ticks = now.saturating_sub(SINCE.replace(now));
    SPENT.with(|spent| {
        let spent = &spent[before as usize];
        let Spent { times, ticks: sum } = spent.get();
        spent.set(Spent {
            times,
            ticks: sum + ticks,
        });
    });
    before
}

fn count(kind: Kind) {
    SPENT.with(|spent| {
        let spent = &spent[kind as usize];
        let Spent { times, ticks } = spent.get();
        spent.set(Spent {
            times: times + 1,
            ticks,
        });
    });
}

/// The costs of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Costs {
    cycles: u64,
    /// Processor time, in microseconds.
    user: u64,
    system: u64,
    /// Page faults that needed no file.
    page_faults: u64,
    exceptions: u64,
    kinds: Vec<Cost>,
}

/// The costs of one kind.
#[derive(Debug, Serialize)]
struct Cost {
    kind: Kind,
    times: u64,
    /// In microseconds.
    time: u64,
}

/// A run that is measured.
pub(crate) struct Measured(libc::rusage);

impl Measured {
    /// Measures from now on.
    pub(crate) fn begin() -> Self {
        MEASURES.store(true, Ordering::Relaxed);
        enter(Kind::Cycle);
        SPENT.with(|spent| {
            for kind in spent {
                kind.set(Spent { times: 0, ticks: 0 });
            }
        });
        EXCEPTIONS.set(0);
        Self(usage())
    }

    /// Ends the measurement, in which `cycles` cycles were run.
    pub(crate) fn end(self, cycles: u64) -> Costs {
        enter(Kind::Cycle);
        MEASURES.store(false, Ordering::Relaxed);
        let now = usage();
        let user = micros(now.ru_utime) - micros(self.0.ru_utime);
        let system = micros(now.ru_stime) - micros(self.0.ru_stime);
        let faults = now.ru_minflt - self.0.ru_minflt;
        let spent = SPENT.with(|spent| Kind::ALL.map(|kind| (kind, spent[kind as usize].get())));
        let ticks: u64 = spent.iter().map(|(_, spent)| spent.ticks).sum();
        let time = |of: u64| u128::from(of) * u128::from(user + system) / u128::from(ticks.max(1));
        let kinds = spent.map(|(kind, spent)| Cost {
            kind,
            times: spent.times,
            time: u64::try_from(time(spent.ticks)).unwrap_or(u64::MAX),
        });
        Costs {
            cycles,
            user,
            system,
            page_faults: faults.cast_unsigned(),
            exceptions: EXCEPTIONS.get(),
            kinds: kinds.into(),
        }
    }
}

fn usage() -> libc::rusage {
    let mut usage = MaybeUninit::zeroed();
    // SAFETY: the structure is valid for the call, which fills it in.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
    // SAFETY: all bytes were zero before, which is a valid structure of integers.
    unsafe { usage.assume_init() }
}

fn micros(time: libc::timeval) -> u64 {
    (time.tv_sec * 1_000_000 + time.tv_usec).cast_unsigned()
}
