// SPDX-License-Identifier: MIT OR Apache-2.0

//! Faults of drivers: the thread ends with a [`Exception`] instead of the process.
//!
//! While a simulated thread runs, the signals of processor exceptions end its
//! coroutine. Instructions that can be emulated go on in the emulator instead, on the
//! thread's own stack. A timer catches a driver that loops without ever calling anyone, and
//! lets others run first; it measures true time, so where in its loop the driver is seen
//! differs from run to run.

pub(crate) mod steps;

use std::cell::Cell;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use corosensei::trap::CoroutineTrapHandler;
use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind};
use pe_unwind_info::x86_64::Register;

use crate::costs;
use crate::hardware::arena::{self, IMAGES, PAGE, PROCESSOR, STACKS};
use crate::hardware::convention::{self, Control, Irregular};
use crate::hardware::registers::Registers;
use crate::hardware::spin_loops::{self, Turn};
use crate::hardware::stack::watched;
use crate::hardware::{breakpoints, driver_code, segments, stack, system_calls, watchdog};

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
    /// A floating-point exception that is not masked.
    FloatingPoint,
    Breakpoint,
    /// The loader has put a breakpoint in the place of the instruction, because the
    /// processor would execute it as the host's.
    Replaced,
    /// The trap flag is set.
    SingleStep,
    /// An access was not aligned while the alignment-check flag was set.
    Alignment,
    /// A call, or a return, in a state that the calling convention does not allow. The
    /// instruction pointer is the return address of the call.
    Convention {
        irregular: Irregular,
        returned: bool,
    },
    /// A system call of the host.
    SystemCall,
    /// The base of `fs` was changed.
    SegmentBase,
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

/// The numbers of registers.
const RSP: Register = Register::RSP;
const R11: Register = Register::R11;

/// The exception number of a trap after an instruction.
const DEBUG: usize = 1;
/// The exception number of `int3`.
const BREAKPOINT: usize = 3;

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

/// A call or a return was made in a state that the convention does not allow.
fn irregular(exception: &mut Exception, control: Control) {
    let rsp = exception.registers.rsp();
    let how = exception.registers.of(R11);
    let inside = stack::is_current(rsp) && !stack::is_guard(rsp);
    let irregular = if how == convention::RETURNED_ELSEWHERE {
        Irregular::StackMoved
    } else if how == convention::RETURNED_CHANGED {
        // SAFETY: the value in `r11` says that it comes from there.
        Irregular::Register(unsafe { driver_code::changed(&exception.registers) })
    } else if !inside {
        Irregular::ForeignStack(rsp)
    } else if let Some(irregular) = control.irregular() {
        irregular
    } else {
        Irregular::Misaligned(rsp)
    };
    let returned = how != convention::CALLED;
    exception.kind = ExceptionKind::Convention {
        irregular,
        returned,
    };
    exception.rip = if inside && !returned {
        // SAFETY: the word is the return address, on a stack that is in use.
        unsafe { (rsp as *const usize).read_unaligned() }
    } else {
        0
    };
}

/// A call or a return to an address that cannot exist faults before it is made: the
/// exception is made that of a jump to that address.
fn find_target(exception: &mut Exception) {
    if exception.rip == 0 || PROCESSOR.contains(&exception.rip) {
        return;
    }
    let instruction = executed(exception);
    let rsp = exception.registers.rsp();
    let target = match instruction.flow_control() {
        FlowControl::IndirectCall | FlowControl::IndirectBranch
            if instruction.op0_kind() == OpKind::Register =>
        {
            exception.registers.0[instruction.op0_register().number()]
        }
        FlowControl::IndirectCall | FlowControl::IndirectBranch
            if instruction.op0_kind() == OpKind::Memory && !instruction.has_segment_prefix() =>
        {
            let registers = &exception.registers;
            let value = |register: iced_x86::Register| registers.0.get(register.number()).copied();
            let address = instruction.virtual_address(0, 0, |register, _, _| {
                if register.is_segment_register() {
                    Some(0)
                } else {
                    value(register)
                }
            });
            let Some(address) = address.filter(|&address| can_exist(address)) else {
                return;
            };
            // SAFETY: the processor has read the word: the address can exist, and there
            // was no page fault.
            unsafe { (address as *const u64).read_unaligned() }
        }
        FlowControl::Return
            if instruction.mnemonic() == Mnemonic::Ret
                && STACKS.contains(&rsp)
                && !stack::is_guard(rsp) =>
        {
            // SAFETY: the word is on a stack that is in use.
            unsafe { (rsp as *const u64).read_unaligned() }
        }
        _ => return,
    };
    // Otherwise the stack pointer is at fault.
    if can_exist(target) {
        return;
    }
    exception.kind = ExceptionKind::Execute;
    exception.address = usize::try_from(target).expect("both have 64 bits");
    if !IMAGES.contains(&exception.rip) {
        exception.rip = exception.address;
        // No return address was pushed.
        exception.registers.0[RSP as usize] = 0;
    }
}

/// The instruction at which a general-protection exception happened.
pub(crate) fn executed(exception: &Exception) -> Instruction {
    /// The longest instruction.
    const LONGEST: usize = 15;
    let mut code = [0; LONGEST];
    for (offset, byte) in code.iter_mut().enumerate() {
        let at = exception.rip + offset;
        if offset > 0 && at.is_multiple_of(PAGE) {
            break;
        }
        // SAFETY: the page is one of code, which was being executed.
        *byte = unsafe { (at as *const u8).read() };
    }
    let ip = exception.rip as u64;
    Decoder::with_ip(64, &code, ip, DecoderOptions::NONE).decode()
}

/// Returns `true` if the upper bits of an address are all the same.
pub(crate) const fn can_exist(address: u64) -> bool {
    const UNUSED: u32 = 16;
    (address.cast_signed() << UNUSED >> UNUSED).cast_unsigned() == address
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
fn is_dispatched(exception: &Exception) -> bool {
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
    let only_looks = signal == libc::SIGTRAP;
    let rip = if only_looks { rip - 1 } else { rip };
    SPIN.set(Some(Spin {
        at: Exception {
            kind: ExceptionKind::Hang,
            rip: breakpoints::home_of(rip),
            address: breakpoints::home_of(rip),
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
