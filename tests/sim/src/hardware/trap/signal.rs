// SPDX-License-Identifier: MIT OR Apache-2.0

//! The signal handler: leads a thread with an exception to the code that goes on with it, or ends
//! its coroutine.

use std::sync::atomic::Ordering;

use crate::costs;
use crate::hardware::arena::{self, IMAGES, PROCESSOR, STACKS};
use crate::hardware::convention::{self, Control};
use crate::hardware::registers::Registers;
use crate::hardware::spin_loops::{self, Turn};
use crate::hardware::stack::watched;
use crate::hardware::{breakpoints, segments, stack, system_calls, watchdog};

use super::exception::{find_target, irregular};
use super::{
    CATCHER, EMULATOR, Exception, ExceptionKind, LEFT, PENDING, POINTS, RUNNING, SEEN, SHARED_DATA,
    SHARED_DATA_LENGTH, SPIN, STUCK, Spin, SpinCause, ThreadEnd, dispatcher, expects_handlers,
    steps,
};

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

/// The exception number of a trap after an instruction.
const DEBUG: usize = 1;
/// The exception number of `int3`.
const BREAKPOINT: usize = 3;

/// The signal handler, which `segments` enters.
pub(in crate::hardware) unsafe extern "C" fn handle(
    signal: i32,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: with SA_SIGINFO the third argument is the interrupted context,
    // which nobody else refers to.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let control = control(context);
    let registers = &mut context.uc_mcontext.gregs;
    let rip = register(registers, libc::REG_RIP);
    costs::count_exception();
    if signal == libc::SIGTRAP
        && register(registers, libc::REG_TRAPNO) == DEBUG
        && let Some(stays) = steps::step(rip)
    {
        if !stays {
            registers[index(libc::REG_EFL)] &= !i64::from(convention::TRAP_FLAG);
        }
        return;
    }
    if signal == libc::SIGVTALRM && !is_stuck(rip) {
        return;
    }
    if signal == libc::SIGPROF
        && !watchdog::expires(RUNNING.get().is_some(), POINTS.load(Ordering::Relaxed))
    {
        return;
    }
    if signal == libc::SIGTRAP
        && register(registers, libc::REG_TRAPNO) == BREAKPOINT
        && let Some(target) = breakpoints::target_of(rip - 1)
    {
        registers[index(libc::REG_RIP)] = (target as u64).cast_signed();
        return;
    }
    if leave_to_others(signal, registers) {
        return;
    }
    // SAFETY: the system filled it in for this signal.
    let touched = unsafe { (*info).si_addr() } as usize;
    if signal == libc::SIGSEGV && watched::admit(touched, IMAGES.contains(&rip)) {
        return;
    }
    let Some(handler) = RUNNING.get() else {
        die(signal);
        return;
    };
    let (kind, address) = classify(signal, registers, rip, touched);
    let mut exception = Exception {
        kind,
        rip: breakpoints::home_of(rip),
        address,
        registers: Registers(NUMBERED.map(|number| register(registers, number) as u64)),
    };
    if kind == ExceptionKind::SystemCall {
        exception.rip -= system_calls::LENGTH;
    }
    if segments::take_changed() {
        exception.kind = ExceptionKind::SegmentBase;
    } else if rip == convention::irregular as *const () as usize {
        irregular(&mut exception, control);
    } else if kind == ExceptionKind::Protection {
        find_target(&mut exception);
    }
    if is_emulated(&exception) {
        PENDING.set(Some(exception));
        let top = exception.registers.rsp() - size_of::<usize>();
        // SAFETY: there is room on the thread's stack, on which Windows' convention
        // leaves nothing below the stack pointer in use.
        unsafe { (top as *mut usize).write_unaligned(exception.rip) };
        registers[index(libc::REG_RSP)] = (top as u64).cast_signed();
        registers[index(libc::REG_RIP)] = (EMULATOR.load(Ordering::Relaxed) as u64).cast_signed();
        return;
    }
    if is_dispatched(&exception) {
        PENDING.set(Some(exception));
        registers[index(libc::REG_RIP)] = (dispatcher() as u64).cast_signed();
        return;
    }
    if is_caught(&exception) {
        /// What a function may use below its stack pointer.
        const RED_ZONE: usize = 128;
        PENDING.set(Some(exception));
        let top = (exception.registers.rsp() - RED_ZONE) / 16 * 16 - size_of::<usize>();
        registers[index(libc::REG_RSP)] = (top as u64).cast_signed();
        registers[index(libc::REG_RIP)] = (CATCHER.load(Ordering::Relaxed) as u64).cast_signed();
        restore_standard(context);
        return;
    }
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
    restore_standard(context);
}

/// The part of the interrupted state that the calling convention is about.
fn control(context: &libc::ucontext_t) -> Control {
    let flags = register(&context.uc_mcontext.gregs, libc::REG_EFL);
    // SAFETY: Linux saves the floating-point state for every handler on x86-64.
    let float = unsafe { &*context.uc_mcontext.fpregs };
    Control {
        flags: u32::try_from(flags & 0xFFFF_FFFF).expect("it was cut to 32 bits"),
        mxcsr: float.mxcsr,
        x87: float.cwd,
        x87_status: float.swd,
    }
}

/// Lets the simulated kernel go on with the state that compiled code relies on.
fn restore_standard(context: &mut libc::ucontext_t) {
    let cleared = convention::IRREGULAR_FLAGS | convention::TRAP_FLAG;
    context.uc_mcontext.gregs[index(libc::REG_EFL)] &= !i64::from(cleared);
    // SAFETY: as in `control`; nobody else refers to it.
    let float = unsafe { &mut *context.uc_mcontext.fpregs };
    float.mxcsr = convention::MXCSR;
    float.cwd = convention::X87_CONTROL;
    float.swd = 0;
    float.ftw = 0;
}

/// Returns `true` if the emulator is to see an instruction of a driver.
fn is_emulated(exception: &Exception) -> bool {
    let rip = exception.rip;
    let address = exception.address;
    let emulated = match exception.kind {
        ExceptionKind::Protection => IMAGES.contains(&rip),
        ExceptionKind::Breakpoint => IMAGES.contains(&(rip - 1)),
        ExceptionKind::Read | ExceptionKind::Write => {
            let shared = SHARED_DATA..SHARED_DATA + SHARED_DATA_LENGTH;
            IMAGES.contains(&rip) && (PROCESSOR.contains(&address) || shared.contains(&address))
        }
        _ => false,
    };
    emulated && stack::has_room(exception.registers.rsp())
}

/// Returns `true` if an instruction of a driver has raised an exception that may have a handler.
pub(super) fn is_dispatched(exception: &Exception) -> bool {
    let raises = matches!(
        exception.kind,
        ExceptionKind::Read
            | ExceptionKind::Write
            | ExceptionKind::Protection
            | ExceptionKind::IllegalInstruction
            | ExceptionKind::Arithmetic
    );
    raises
        && expects_handlers()
        && IMAGES.contains(&exception.rip)
        && stack::has_room(exception.registers.rsp())
}

/// Returns `true` if a function of the kernel has met an exception that the driver which has
/// called it may handle.
fn is_caught(exception: &Exception) -> bool {
    let raises = matches!(
        exception.kind,
        ExceptionKind::Read | ExceptionKind::Write | ExceptionKind::Protection
    );
    raises
        && expects_handlers()
        && !arena::contains(exception.rip)
        && !stack::is_guard(exception.address)
        && stack::has_room(exception.registers.rsp())
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
    let (cause, rip) = match signal {
        libc::SIGTRAP => (SpinCause::Looks, rip - 1),
        _ => (SpinCause::Timer, rip),
    };
    SPIN.set(Some(Spin {
        at: Exception {
            kind: ExceptionKind::Hang,
            rip: breakpoints::home_of(rip),
            address: breakpoints::home_of(rip),
            registers: Registers(NUMBERED.map(|number| register(registers, number) as u64)),
        },
        cause,
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
    STUCK.get() >= 2 && IMAGES.contains(&breakpoints::home_of(rip))
}

fn classify(
    signal: i32,
    registers: &[libc::greg_t],
    rip: usize,
    touched: usize,
) -> (ExceptionKind, usize) {
    /// The numbers of exceptions, and the bits of a page fault's error code.
    const PAGE_FAULT: usize = 14;
    const DIVIDE: usize = 0;
    const ALIGNMENT: usize = 17;
    const WRITE: usize = 1 << 1;
    const FETCH: usize = 1 << 4;

    let trap = register(registers, libc::REG_TRAPNO);
    match signal {
        libc::SIGILL => (ExceptionKind::IllegalInstruction, rip),
        libc::SIGFPE if trap == DIVIDE => (ExceptionKind::Arithmetic, rip),
        libc::SIGFPE => (ExceptionKind::FloatingPoint, rip),
        libc::SIGTRAP if trap == DEBUG => (ExceptionKind::SingleStep, rip),
        libc::SIGTRAP => (ExceptionKind::Breakpoint, rip),
        libc::SIGVTALRM | libc::SIGPROF => (ExceptionKind::Hang, rip),
        libc::SIGSYS => (ExceptionKind::SystemCall, rip),
        _ if trap == ALIGNMENT => (ExceptionKind::Alignment, rip),
        _ if trap != PAGE_FAULT => (ExceptionKind::Protection, rip),
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
