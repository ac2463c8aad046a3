// SPDX-License-Identifier: MIT OR Apache-2.0

//! One registrar for the calling process, on real threads, under the names that
//! modules link to.
//!
//! `nmr` and every other user of the nine functions run against it
//! when this feature is on. IRQL is a number each thread keeps; nothing raises
//! it but [`at_irql`] and the registrar's callbacks.

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

use crate::finding::Finding;
use crate::host::{Call, Completion, Event, Host, Lock, Side};
use crate::knobs::{Kernel, Knob, Knobs};
use crate::registrar::Registrar;
use crate::ring::Ring;
use nmr::abi::NTSTATUS;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A [`Lock`] for threads.
#[derive(Debug)]
pub struct ThreadLock<T>(Mutex<T>);

impl<T> Lock<T> for ThreadLock<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        body(&mut locked(&self.0))
    }
}

/// A [`Completion`] for threads.
#[derive(Debug)]
pub struct ThreadCompletion {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Completion for ThreadCompletion {
    fn new() -> Self {
        Self {
            open: Mutex::new(false),
            opened: Condvar::new(),
        }
    }

    fn set(&self) {
        *locked(&self.open) = true;
        self.opened.notify_all();
    }

    fn wait(&self) {
        let open = locked(&self.open);
        drop(
            self.opened
                .wait_while(open, |open| !*open)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }
}

static LAST_THREAD: AtomicU64 = AtomicU64::new(0);

std::thread_local! {
    static THREAD: u64 = LAST_THREAD.fetch_add(1, Ordering::Relaxed) + 1;
    static IRQL: Cell<u8> = const { Cell::new(0) };
}

/// Runs `body` with the thread's IRQL at `irql`.
pub fn at_irql<R>(irql: u8, body: impl FnOnce() -> R) -> R {
    let before = IRQL.replace(irql);
    let result = body();
    IRQL.set(before);
    result
}

/// The number of events that are kept.
pub const EVENTS: usize = 1 << 14;
/// The number of breaches, and of warnings, that are kept.
pub const FINDINGS: usize = 1 << 8;

/// A [`Host`] for the threads of a process. It draws answers from a seed, and records
/// what happens until a caller takes it: the latest [`EVENTS`], the first [`FINDINGS`].
#[derive(Debug)]
pub struct Process {
    time: AtomicU64,
    /// Whether `recorded` may have faults: it is asked in each registration and attach.
    faulty: AtomicBool,
    recorded: Mutex<Recorded>,
}

#[derive(Debug)]
struct Recorded {
    draws: ChaCha8Rng,
    knobs: Knobs,
    faults: Vec<(Call, Side, NTSTATUS)>,
    findings: Vec<Finding>,
    notes: Vec<Finding>,
    events: Ring<Event, EVENTS>,
}

impl Process {
    /// One whose open questions are answered from `seed`, as far as the documents
    /// allow.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            time: AtomicU64::new(0),
            faulty: AtomicBool::new(false),
            recorded: Mutex::new(Recorded {
                draws: ChaCha8Rng::seed_from_u64(seed),
                knobs: Kernel::Documents.knobs(),
                faults: Vec::new(),
                findings: Vec::new(),
                notes: Vec::new(),
                events: Ring::new(),
            }),
        }
    }

    /// Answers open questions from `seed` from now on.
    pub fn set_seed(&self, seed: u64) {
        locked(&self.recorded).draws = ChaCha8Rng::seed_from_u64(seed);
    }

    /// Answers open questions by `knobs` from now on.
    pub fn set_knobs(&self, knobs: Knobs) {
        locked(&self.recorded).knobs = knobs;
    }

    /// Answers `knob` with `answer` from now on, or from the seed again.
    pub fn fix(&self, knob: Knob, answer: Option<u32>) {
        locked(&self.recorded).knobs.set(knob, answer);
    }

    /// Lets the next `call` for `side` fail with `status`.
    pub fn fail_next(&self, call: Call, side: Side, status: NTSTATUS) {
        let faults = &mut locked(&self.recorded).faults;
        faults.push((call, side, status));
        self.faulty.store(true, Ordering::Release);
    }

    /// The breaches reported since the last call, the first [`FINDINGS`] of them.
    pub fn take_findings(&self) -> Vec<Finding> {
        core::mem::take(&mut locked(&self.recorded).findings)
    }

    /// The warnings noted since the last call, the first [`FINDINGS`] of them.
    pub fn take_notes(&self) -> Vec<Finding> {
        core::mem::take(&mut locked(&self.recorded).notes)
    }

    /// The events observed since the last call, the latest [`EVENTS`] of them.
    pub fn take_events(&self) -> Vec<Event> {
        let events = &mut locked(&self.recorded).events;
        core::mem::replace(events, Ring::new())
            .iter()
            .copied()
            .collect()
    }
}

impl Host for Process {
    type Lock<T> = ThreadLock<T>;
    type Completion = ThreadCompletion;

    fn irql(&self) -> u8 {
        IRQL.get()
    }

    fn raise_irql(&self, irql: u8) -> u8 {
        IRQL.replace(IRQL.get().max(irql))
    }

    fn lower_irql(&self, irql: u8) {
        IRQL.set(irql);
    }

    /// The number of the event, in the order in which they are recorded as far as they
    /// are of one thread: a clock takes longer to read than the event to record.
    fn now(&self) -> u64 {
        self.time.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn thread(&self) -> u64 {
        THREAD.with(|&thread| thread)
    }

    fn draw(&self, knob: Knob, answers: u32) -> u32 {
        let recorded = &mut *locked(&self.recorded);
        let draws = &mut recorded.draws;
        recorded
            .knobs
            .answer(knob, || draws.random_range(0..answers))
    }

    fn inject(&self, call: Call, side: Side) -> Option<NTSTATUS> {
        if !self.faulty.load(Ordering::Acquire) {
            return None;
        }
        let faults = &mut locked(&self.recorded).faults;
        let wanted = |fault: &(Call, Side, NTSTATUS)| (fault.0, fault.1) == (call, side);
        let fault = faults.iter().position(wanted)?;
        let (.., status) = faults.remove(fault);
        self.faulty.store(!faults.is_empty(), Ordering::Release);
        Some(status)
    }

    fn observe(&self, event: &Event) {
        locked(&self.recorded).events.record(event);
    }

    fn report(&self, finding: Finding) {
        keep(&mut locked(&self.recorded).findings, finding);
    }

    fn note(&self, note: Finding) {
        keep(&mut locked(&self.recorded).notes, note);
    }
}

fn keep(findings: &mut Vec<Finding>, finding: Finding) {
    if findings.len() < FINDINGS {
        findings.push(finding);
    }
}

/// The process's registrar. Its seed is 0 until it is set, and its
/// `NmrDeregister...` answers `STATUS_PENDING`, as Windows' does.
#[must_use]
pub fn registrar() -> &'static Registrar<Process> {
    static REGISTRAR: LazyLock<Registrar<Process>> = LazyLock::new(|| {
        let process = Process::new(0);
        process.fix(Knob::DeregisterWhenIdle, Some(0));
        Registrar::new(process)
    });
    &REGISTRAR
}

// The crate's own tests link a second copy of it, which has the names.
#[cfg(not(test))]
crate::export_functions!(registrar);
