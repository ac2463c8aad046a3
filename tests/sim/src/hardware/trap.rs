// SPDX-License-Identifier: MIT OR Apache-2.0

//! Faults of drivers: the thread ends with an [`Exception`] instead of the process.
//!
//! While a simulated thread runs, the signals of processor exceptions end its
//! coroutine. Instructions that can be emulated continue in the emulator instead, on the
//! thread's own stack. A timer detects a driver that loops without making a call, and
//! first lets other threads run. It measures real time, so that the place in the loop at
//! which the driver is interrupted differs from run to run.

mod exception;
mod signal;
pub(crate) mod steps;

use std::cell::Cell;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use corosensei::trap::CoroutineTrapHandler;

use crate::hardware::registers::Registers;
use crate::hardware::{convention, segments, system_calls, watchdog};
pub(crate) use exception::{Exception, ExceptionKind, ThreadEnd, can_exist, executed};
pub(in crate::hardware) use signal::handle;
use signal::is_dispatched;

/// What Windows maps at this address for everybody to read: `KUSER_SHARED_DATA`.
pub(crate) const SHARED_DATA: usize = 0xFFFF_F780_0000_0000;
/// The length of [`SHARED_DATA`].
pub(crate) const SHARED_DATA_LENGTH: usize = 0x1000;

const SIGNALS: [i32; 8] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGTRAP,
    libc::SIGSYS,
    libc::SIGVTALRM,
    libc::SIGPROF,
];

/// The period of the timer that checks a running thread, in microseconds of
/// processor time.
const WATCH: i64 = 250_000;

thread_local! {
    static RUNNING: Cell<Option<CoroutineTrapHandler<ThreadEnd>>> = const { Cell::new(None) };
    /// The points that had been passed when the timer last looked.
    static SEEN: Cell<u64> = const { Cell::new(0) };
    /// Where a thread was led to the function for spin loops last.
    static SPIN: Cell<Option<Spin>> = const { Cell::new(None) };
    /// A thread has left a spin loop since.
    static LEFT: Cell<bool> = const { Cell::new(false) };
    /// The number of checks without progress.
    static STUCK: Cell<u32> = const { Cell::new(0) };
    /// The number of points passed at the last recorded access, and the number of accesses
    /// since.
    static ACCESSES: Cell<(u64, u32)> = const { Cell::new((0, 0)) };
    /// The exception for which the emulator was entered.
    static PENDING: Cell<Option<Exception>> = const { Cell::new(None) };
}

/// The emulator: a function that finds the address of the instruction on the stack.
static EMULATOR: AtomicUsize = AtomicUsize::new(0);

/// The code that passes exceptions to the handlers of drivers.
static DISPATCHER: AtomicUsize = AtomicUsize::new(0);
/// The code that an exception in a function of the kernel is led to, for such images.
static CATCHER: AtomicUsize = AtomicUsize::new(0);
/// Whether an image has handlers.
static HANDLES: AtomicBool = AtomicBool::new(false);

static POINTS: AtomicU64 = AtomicU64::new(0);

/// Says that a point was passed.
pub(crate) fn alive() {
    // One thread counts, so that no locked instruction is needed.
    POINTS.store(POINTS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// Why a thread was led to the function for spin loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpinCause {
    /// Its loop only looks.
    Looks,
    /// The timer has stopped it.
    Timer,
    /// It has accessed memory many times.
    Accesses,
}

/// A thread in a loop that calls nobody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spin {
    /// The loop, as the exception that it is if it never ends.
    pub(crate) at: Exception,
    pub(crate) cause: SpinCause,
    /// `true` if a loop was left since a thread was led there before.
    pub(crate) anew: bool,
}

/// Records an access to memory by driver code at `at`. Returns `true` if the thread must spin: it
/// has made many accesses, or has run for two checks of the timer, without making a call. With
/// recorded accesses, the timer seldom fires while driver code runs.
pub(crate) fn is_overdue(at: usize, registers: &Registers) -> bool {
    /// The number of accesses after which other threads run once.
    const MANY: u32 = 20_000;
    let points = POINTS.load(Ordering::Relaxed);
    let (seen, count) = ACCESSES.get();
    let count = if seen == points {
        count.saturating_add(1)
    } else {
        0
    };
    ACCESSES.set((points, count));
    if count != MANY && STUCK.get() < 2 {
        return false;
    }
    STUCK.set(0);
    SPIN.set(Some(Spin {
        at: Exception {
            kind: ExceptionKind::Hang,
            rip: at,
            address: at,
            registers: *registers,
        },
        cause: SpinCause::Accesses,
        anew: LEFT.take(),
    }));
    true
}

/// Where the current thread was led to the function for spin loops.
pub(crate) fn last_spin() -> Option<Spin> {
    SPIN.take()
}

/// Runs `resume`, which resumes the coroutine of `handler`.
pub(crate) fn guard<R>(handler: &CoroutineTrapHandler<ThreadEnd>, resume: impl FnOnce() -> R) -> R {
    RUNNING.set(Some(*handler));
    let result = resume();
    RUNNING.set(None);
    result
}

/// The exception for which the emulator or the dispatcher was entered.
pub(crate) fn take_pending() -> Exception {
    let pending = PENDING.take();
    pending.expect("both are entered by the signal handler")
}

/// The code that passes exceptions to the handlers of drivers.
pub(crate) fn dispatcher() -> usize {
    DISPATCHER.load(Ordering::Relaxed)
}

/// An image with exception handlers is mapped.
pub(crate) fn expect_handlers() {
    HANDLES.store(true, Ordering::Relaxed);
}

/// Returns `true` if an image with exception handlers was mapped.
pub(crate) fn expects_handlers() -> bool {
    HANDLES.load(Ordering::Relaxed)
}

/// The address of code that passes an exception which the emulator was entered for to the
/// handlers of drivers; `None` if there are none.
pub(crate) fn pass_on(exception: &Exception) -> Option<usize> {
    if !is_dispatched(exception) {
        return None;
    }
    PENDING.set(Some(*exception));
    Some(dispatcher())
}

/// Catches the exceptions of this OS thread from now on; those of instructions that can
/// be emulated go on at `emulator`, others of images with handlers at `dispatcher`; those in
/// functions that such images call at `catcher`.
pub(crate) fn install(emulator: usize, dispatcher: usize, catcher: usize) -> io::Result<()> {
    /// More than a handler needs.
    const STACK: usize = 64 << 10;

    EMULATOR.store(emulator, Ordering::Relaxed);
    DISPATCHER.store(dispatcher, Ordering::Relaxed);
    CATCHER.store(catcher, Ordering::Relaxed);
    let memory = Box::leak(vec![0_u8; STACK].into_boxed_slice());
    let range = memory.as_ptr_range();
    segments::install(&(range.start.addr()..range.end.addr()))?;
    let stack = libc::stack_t {
        ss_sp: memory.as_mut_ptr().cast(),
        ss_flags: 0,
        ss_size: STACK,
    };
    // SAFETY: the stack is leaked, so it lives as long as the thread.
    check(unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) })?;
    for signal in SIGNALS {
        // SAFETY: all-zero is a valid `sigaction`.
        let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        action.sa_sigaction = segments::entry as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        // SAFETY: `entry` has the type that SA_SIGINFO asks for, and with `handle` does
        // only what a signal handler may.
        check(unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) })?;
    }
    let period = libc::timeval {
        tv_sec: 0,
        tv_usec: WATCH,
    };
    let timer = libc::itimerval {
        it_interval: period,
        it_value: period,
    };
    // SAFETY: the timer's value is valid for the call.
    check(unsafe { libc::setitimer(libc::ITIMER_VIRTUAL, &raw const timer, ptr::null_mut()) })?;
    watchdog::start()?;
    system_calls::refuse();
    convention::set_standard();
    Ok(())
}

fn check(result: i32) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
