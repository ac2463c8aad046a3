// SPDX-License-Identifier: MIT OR Apache-2.0

//! Faults of drivers: the thread ends with a [`Exception`] instead of the process.
//!
//! While a simulated thread runs, the signals of processor exceptions end its
//! coroutine. A timer catches a driver that loops without ever calling anyone, and lets
//! others run first; it measures true time, so where in its loop the driver is seen
//! differs from run to run.

use std::cell::Cell;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use corosensei::trap::CoroutineTrapHandler;

use crate::hardware::arena::{IMAGES, STACKS};
use crate::hardware::breakpoints;
use crate::hardware::registers::Registers;
use crate::hardware::spin_loops::{self, Turn};

/// The kind of an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExceptionKind {
    Read,
    Write,
    Execute,
    /// A privileged instruction or an address that cannot exist.
    Protection,
    IllegalInstruction,
    Arithmetic,
    Breakpoint,
    /// It spins, and nothing that it looks at can change any more.
    Hang,
}

/// An exception in a simulated thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exception {
    pub(crate) kind: ExceptionKind,
    /// The instruction pointer.
    pub(crate) rip: usize,
    /// The address that was accessed.
    pub(crate) address: usize,
    pub(crate) registers: Registers,
}

/// How the coroutine of a thread ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ThreadEnd {
    Returned,
    Exception(Exception),
}

const SIGNALS: [i32; 5] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGTRAP,
];

/// The registers in the order in which the processor numbers them.
const NUMBERED: [i32; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
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
}

static POINTS: AtomicU64 = AtomicU64::new(0);

/// Says that a point was passed.
pub(crate) fn alive() {
    POINTS.fetch_add(1, Ordering::Relaxed);
}

/// A thread in a loop that calls nobody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spin {
    /// The loop, as the exception that it is if it never ends.
    pub(crate) at: Exception,
    /// Whether it only looks: one that does more was stopped by the timer.
    pub(crate) only_looks: bool,
    /// Whether a loop was left since a thread was led there before.
    pub(crate) anew: bool,
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

/// Catches the exceptions of this OS thread from now on.
pub(crate) fn install() -> io::Result<()> {
    /// More than a handler needs.
    const STACK: usize = 64 << 10;

    let memory = Box::leak(vec![0_u8; STACK].into_boxed_slice());
    let stack = libc::stack_t {
        ss_sp: memory.as_mut_ptr().cast(),
        ss_flags: 0,
        ss_size: STACK,
    };
    // SAFETY: the stack is leaked, so it lives as long as the thread.
    check(unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) })?;
    for signal in SIGNALS.into_iter().chain([libc::SIGVTALRM]) {
        // SAFETY: all-zero is a valid `sigaction`.
        let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        action.sa_sigaction = handle as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        // SAFETY: `handle` has the type that SA_SIGINFO asks for, and does only
        // what a signal handler may.
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
    check(unsafe { libc::setitimer(libc::ITIMER_VIRTUAL, &raw const timer, ptr::null_mut()) })
}

fn check(result: i32) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The signal handler.
unsafe extern "C" fn handle(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the third argument is the interrupted context,
    // which nobody else refers to.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let registers = &mut context.uc_mcontext.gregs;
    let rip = register(registers, libc::REG_RIP);
    if signal == libc::SIGVTALRM && !is_stuck(rip) {
        return;
    }
    if signal == libc::SIGTRAP
        && let Some(target) = breakpoints::target_of(rip - 1)
    {
        registers[index(libc::REG_RIP)] = (target as u64).cast_signed();
        return;
    }
    if leave_to_others(signal, registers) {
        return;
    }
    let Some(handler) = RUNNING.get() else {
        die(signal);
        return;
    };
    // SAFETY: the system filled it in for this signal.
    let touched = unsafe { (*info).si_addr() } as usize;
    let (kind, address) = classify(signal, registers, rip, touched);
    let exception = Exception {
        kind,
        rip: breakpoints::home_of(rip),
        address,
        registers: Registers(NUMBERED.map(|number| register(registers, number) as u64)),
    };
    // SAFETY: the coroutine of `handler` was running, by `guard`; its stack is
    // given up, and the kernel releases what it may have held.
    let resumed = unsafe { handler.setup_trap_handler(move || ThreadEnd::Exception(exception)) };
    for (register, value) in [
        (libc::REG_RIP, resumed.rip),
        (libc::REG_RSP, resumed.rsp),
        (libc::REG_RBP, resumed.rbp),
        (libc::REG_RDI, resumed.rdi),
        (libc::REG_RSI, resumed.rsi),
    ] {
        registers[index(register)] = value.cast_signed();
    }
}

/// Leads a thread in a loop that calls nobody to the function for spin loops, or past
/// the loop that it leaves. Returns `false` for anything else.
fn leave_to_others(signal: i32, registers: &mut [libc::greg_t]) -> bool {
    let rip = register(registers, libc::REG_RIP);
    let turn = match signal {
        libc::SIGTRAP => spin_loops::turn(rip - 1, register(registers, libc::REG_EFL)),
        libc::SIGVTALRM => Some(Turn::Again(rip)),
        _ => None,
    };
    let home = match turn {
        Some(Turn::Again(home)) => home,
        Some(Turn::Left(end)) => {
            registers[index(libc::REG_RIP)] = (end as u64).cast_signed();
            LEFT.set(true);
            return true;
        }
        None => return false,
    };
    let below = register(registers, libc::REG_RSP).wrapping_sub(size_of::<usize>());
    let (Some(spun), true) = (spin_loops::spun(), STACKS.contains(&below)) else {
        return false;
    };
    let only_looks = signal == libc::SIGTRAP;
    let rip = if only_looks { rip - 1 } else { rip };
    SPIN.set(Some(Spin {
        at: Exception {
            kind: ExceptionKind::Hang,
            rip,
            address: rip,
            registers: Registers(NUMBERED.map(|number| register(registers, number) as u64)),
        },
        only_looks,
        anew: LEFT.take(),
    }));
    // SAFETY: the thread's stack continues below its stack pointer, where Windows'
    // calling convention keeps nothing; one that has overflowed ends here.
    unsafe { (below as *mut usize).write(home) };
    registers[index(libc::REG_RSP)] = (below as u64).cast_signed();
    registers[index(libc::REG_RIP)] = (spun as u64).cast_signed();
    true
}

/// Returns `true` if a driver has run for two checks of the timer without
/// making a call.
fn is_stuck(rip: usize) -> bool {
    let points = POINTS.load(Ordering::Relaxed);
    let stuck = RUNNING.get().is_some() && SEEN.replace(points) == points;
    STUCK.set(if stuck { STUCK.get() + 1 } else { 0 });
    // Elsewhere the process may hold a lock of its own.
    STUCK.get() >= 2 && IMAGES.contains(&rip)
}

fn classify(
    signal: i32,
    registers: &[libc::greg_t],
    rip: usize,
    touched: usize,
) -> (ExceptionKind, usize) {
    /// The exception number of a page fault, and its error code's bits.
    const PAGE_FAULT: usize = 14;
    const WRITE: usize = 1 << 1;
    const FETCH: usize = 1 << 4;

    match signal {
        libc::SIGILL => (ExceptionKind::IllegalInstruction, rip),
        libc::SIGFPE => (ExceptionKind::Arithmetic, rip),
        libc::SIGTRAP => (ExceptionKind::Breakpoint, rip),
        libc::SIGVTALRM => (ExceptionKind::Hang, rip),
        _ if register(registers, libc::REG_TRAPNO) != PAGE_FAULT => {
            (ExceptionKind::Protection, rip)
        }
        _ => {
            let error = register(registers, libc::REG_ERR);
            if error & FETCH != 0 {
                (ExceptionKind::Execute, touched)
            } else if error & WRITE != 0 {
                (ExceptionKind::Write, touched)
            } else {
                (ExceptionKind::Read, touched)
            }
        }
    }
}

/// The exception is one of the simulated kernel itself: lets the signal do what it does
/// without a handler.
fn die(signal: i32) {
    // SAFETY: the default action needs no promise.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

fn register(registers: &[libc::greg_t], number: i32) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "both have 64 bits")]
    let value = registers[index(number)].cast_unsigned() as usize;
    value
}

fn index(number: i32) -> usize {
    usize::try_from(number).expect("register numbers are small")
}
