// SPDX-License-Identifier: MIT OR Apache-2.0

//! One registrar for the calling process, on real threads, under the names that
//! modules link to.
//!
//! `nmr` and every other user of the nine functions run against it
//! when this feature is on. IRQL is a number each thread keeps; nothing raises
//! it but [`at_irql`] and the registrar's callbacks.

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

use crate::finding::Finding;
use crate::host::{Call, Completion, Event, Host, Lock, Side};
use crate::knobs::{Kernel, Knob, Knobs, SplitMix64};
use crate::registrar::Registrar;
use nmr::abi::NTSTATUS;
use spin::mutex::SpinMutex;
use spin::relax::Yield;
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A [`Lock`] for threads. It spins, as the registrar keeps it for some hundred
/// instructions at most: unlocking it takes no atomic operation then.
#[derive(Debug)]
pub struct ThreadLock<T>(SpinMutex<T, Yield>);
impl<T> Lock<T> for ThreadLock<T> {
    fn new(value: T) -> Self {
        Self(SpinMutex::new(value))
    }

    #[inline]
    fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        body(&mut self.0.lock())
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
    /// The number of the thread, 0 until somebody asks for it.
    static THREAD: Cell<u64> = const { Cell::new(0) };
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
pub const EVENTS: usize = 1 << 12;
/// The number of breaches, and of warnings, that are kept.
pub const FINDINGS: usize = 1 << 8;

/// A [`Host`] for the threads of a process. It draws answers from a seed, and records
/// findings until a caller takes them, the first [`FINDINGS`]. The registrar keeps the
/// latest [`EVENTS`].
#[derive(Debug)]
pub struct Process {
    answers: Answers,
    /// Whether `recorded` may have faults: it is asked in each registration and attach.
    faulty: AtomicBool,
    recorded: Mutex<Recorded>,
}

#[derive(Debug, Default)]
struct Recorded {
    faults: Vec<(Call, Side, NTSTATUS)>,
    findings: Vec<Finding>,
    notes: Vec<Finding>,
}

/// The answers to open questions, which are given without a lock.
#[derive(Debug)]
struct Answers {
    draws: SplitMix64,
    /// Each knob's answer, or [`DRAWN`].
    fixed: [AtomicU32; Knob::ALL.len()],
}

/// The answer to a knob is drawn.
const DRAWN: u32 = u32::MAX;

impl Answers {
    fn fix(&self, knob: Knob, answer: Option<u32>) {
        let answer = answer.unwrap_or(DRAWN);
        self.fixed[knob as usize].store(answer, Ordering::Relaxed);
    }

    fn fix_all(&self, knobs: Knobs) {
        for knob in Knob::ALL {
            self.fix(knob, knobs.fixed(knob));
        }
    }

    fn answer(&self, knob: Knob, answers: u32) -> u32 {
        match self.fixed[knob as usize].load(Ordering::Relaxed) {
            DRAWN => self.draws.below(answers),
            fixed => fixed,
        }
    }
}
impl Process {
    /// One whose open questions are answered from `seed`, as far as the documents
    /// allow.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let process = Self {
            answers: Answers {
                draws: SplitMix64::new(seed),
                fixed: [const { AtomicU32::new(DRAWN) }; Knob::ALL.len()],
            },
            faulty: AtomicBool::new(false),
            recorded: Mutex::default(),
        };
        process.set_knobs(Kernel::Documents.knobs());
        process
    }

    /// Answers open questions from `seed` from now on.
    pub fn set_seed(&self, seed: u64) {
        self.answers.draws.seed(seed);
    }

    /// Answers open questions by `knobs` from now on.
    pub fn set_knobs(&self, knobs: Knobs) {
        self.answers.fix_all(knobs);
    }

    /// Answers `knob` with `answer` from now on, or from the seed again.
    ///
    /// # Panics
    ///
    /// If the knob has no such answer.
    pub fn fix(&self, knob: Knob, answer: Option<u32>) {
        let mut knobs = Knobs::DRAWN;
        knobs.set(knob, answer);
        self.answers.fix(knob, answer);
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
}

impl Host for Process {
    type Lock<T> = ThreadLock<T>;
    type Completion = ThreadCompletion;

    const EVENTS: usize = EVENTS;

    fn irql(&self) -> u8 {
        IRQL.get()
    }

    fn raise_irql(&self, irql: u8) -> u8 {
        IRQL.replace(IRQL.get().max(irql))
    }

    fn lower_irql(&self, irql: u8) {
        IRQL.set(irql);
    }

    fn thread(&self) -> u64 {
        match THREAD.get() {
            0 => {
                let next = LAST_THREAD.fetch_add(1, Ordering::Relaxed) + 1;
                THREAD.set(next);
                next
            }
            known => known,
        }
    }

    fn draw(&self, knob: Knob, answers: u32) -> u32 {
        self.answers.answer(knob, answers)
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

    fn observe(&self, _: &Event) {}
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
