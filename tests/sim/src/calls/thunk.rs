// SPDX-License-Identifier: MIT OR Apache-2.0

//! The thunk that every call between modules passes, on its way in and out.
//!
//! Instead of the address of a kernel function a driver gets that of a few bytes of
//! machine code, which load a number and jump to [`enter_stub`]. The functions of
//! dispatch tables lead to such code by breakpoints ([`table_functions`]). The stub
//! saves the arguments, lets [`enter`] check the call,
//! replaces the return address by that of [`leave_stub`] and jumps to the callee. When the
//! callee returns, [`leave_stub`] lets [`leave`] check the result and returns to the
//! caller. The true return addresses are kept in the thread's list of frames;
//! arguments on the stack are not moved.
//!
//! Where a driver calls or returns, the stubs first check the processor state that the
//! calling convention demands, because the simulated kernel depends on it itself.

use std::arch::naked_asm;
use std::cell::Cell;
use std::ptr;

use hashbrown::HashMap;

use crate::calls::{table_functions, trace, vectors};
use crate::costs::{self, Kind};
use crate::findings::bug_check::{CONVENTION, Code, unexpected_irql};
use crate::findings::{stop, stop_at};
use crate::hardware::arena::{self, THUNKS};
use crate::hardware::convention::{self, Irregular};
use crate::hardware::irql::{self};
use crate::hardware::registers::Registers;
use crate::hardware::stack;
use crate::hardware::trap::{self, steps};
use crate::kernel::{State, with};
use crate::loader::drivers::{DriverId, Site};
use crate::loader::export::Export;
use crate::scheduling::frame::{Callee, Frame};
use crate::scheduling::point;
use crate::verifier::outstanding_requests::{DescribedCall, Effect};
use crate::verifier::promises::{self, Crossing};
use crate::verifier::undue_completion::{self, Undue};
use crate::verifier::{binding_calls, races, stack_depth, stack_frames, stack_objects};

/// Where a thunk leads to.
#[derive(Clone, Copy, Debug)]
enum Target {
    /// A kernel function, for this driver.
    Import(DriverId, &'static Export),
    /// A function of a dispatch table, which continues at `rest` behind its breakpoint.
    Function { function: usize, rest: usize },
}

/// The thunks of a cycle.
#[derive(Debug, Default)]
pub(crate) struct Thunks {
    targets: Vec<Target>,
    /// The thunk of each import of a driver, by the export's address.
    imports: HashMap<(DriverId, usize), usize>,
}

/// ```text
/// mov eax, number
/// mov r10, enter_stub
/// jmp r10
/// ```
const LENGTH: usize = 24;

/// The end of the range for functions of dispatch tables: the rest is for imports.
const END_OF_FUNCTIONS: usize = THUNKS.end - (THUNKS.end - THUNKS.start) / 6;

impl Thunks {
    /// The address of code that calls an export for a driver.
    pub(crate) fn import(&mut self, driver: DriverId, export: &'static Export) -> usize {
        let key = (driver, ptr::from_ref(export).addr());
        if let Some(&made) = self.imports.get(&key) {
            return made;
        }
        let made = self.make(Target::Import(driver, export), THUNKS.end);
        let made = made.expect("images have no room for so many imports");
        self.imports.insert(key, made);
        made
    }

    /// The address of code that a breakpoint leads to at the first instruction of
    /// `function`, which continues at `rest`. Returns `None` if a cycle has had too
    /// many of them.
    pub(crate) fn function(&mut self, function: usize, rest: usize) -> Option<usize> {
        self.make(Target::Function { function, rest }, END_OF_FUNCTIONS)
    }

    /// The import that the thunk with this number leads to; `None` if it is for a function
    /// of a dispatch table.
    pub(crate) fn callee(&self, number: u64) -> Option<Callee> {
        match *self.targets.get(usize::try_from(number).ok()?)? {
            Target::Import(driver, export) => Some(Callee::Import { driver, export }),
            Target::Function { .. } => None,
        }
    }

    fn make(&mut self, target: Target, end: usize) -> Option<usize> {
        let number = u32::try_from(self.targets.len()).ok()?;
        let address = THUNKS.start + self.targets.len() * LENGTH;
        if address + LENGTH > end {
            return None;
        }
        // The code of a thunk is the same in every cycle.
        if WRITTEN.get() <= number {
            arena::write_code(address, &code_of(number));
            WRITTEN.set(number + 1);
        }
        self.targets.push(target);
        Some(address)
    }
}

thread_local! {
    /// The number of thunks whose code has been written, in this cycle or before.
    static WRITTEN: Cell<u32> = const { Cell::new(0) };
}

fn code_of(number: u32) -> [u8; LENGTH] {
    let mut code = [0xCC; LENGTH];
    code[0] = 0xB8;
    code[1..5].copy_from_slice(&number.to_le_bytes());
    code[5..7].copy_from_slice(&[0x49, 0xBA]);
    code[7..15].copy_from_slice(&(enter_stub as *const () as u64).to_le_bytes());
    code[15..18].copy_from_slice(&[0x41, 0xFF, 0xE2]);
    code
}

/// Forgets what code has been written: the arena is another one.
pub(crate) fn forget_code() {
    WRITTEN.set(0);
}

/// The common code of all thunks: `eax` is the thunk's number, everything else
/// the caller's.
#[unsafe(naked)]
unsafe extern "win64" fn enter_stub() {
    naked_asm!(
        "mov [rip + {entered}], rsp",
        // The stack: the thread's own, aligned but for the return address.
        "mov r11, rsp",
        "sub r11, [rip + {stack}]",
        "cmp r11, {stack_length}",
        "jae 3f",
        "and r11d, 15",
        "cmp r11d, 8",
        "jne 3f",
        "pushfq",
        "test dword ptr [rsp], {flags}",
        "lea rsp, [rsp + 8]",
        "jnz 3f",
        "sub rsp, 0xD8",
        "stmxcsr [rsp + 0x20]",
        "fnstsw [rsp + 0x24]",
        "fnstcw [rsp + 0x28]",
        "mov r10d, [rsp + 0x20]",
        "and r10d, {control}",
        "cmp r10d, {mxcsr}",
        "jne 2f",
        "movzx r10d, word ptr [rsp + 0x24]",
        "test r10d, {x87_in_use}",
        "jnz 2f",
        "movzx r10d, word ptr [rsp + 0x28]",
        "cmp r10d, {x87}",
        "jne 2f",
        "mov [rsp + 0x20], rcx",
        "mov [rsp + 0x28], rdx",
        "mov [rsp + 0x30], r8",
        "mov [rsp + 0x38], r9",
        "movups [rsp + 0x40], xmm0",
        "movups [rsp + 0x50], xmm1",
        "movups [rsp + 0x60], xmm2",
        "movups [rsp + 0x70], xmm3",
        "mov [rsp + 0x80], rbx",
        "mov [rsp + 0x88], rbp",
        "mov [rsp + 0x90], rsi",
        "mov [rsp + 0x98], rdi",
        "mov [rsp + 0xA0], r12",
        "mov [rsp + 0xA8], r13",
        "mov [rsp + 0xB0], r14",
        "mov [rsp + 0xB8], r15",
        "mov ecx, eax",
        "lea rdx, [rsp + 0xD8]",
        "lea r8, [rsp + 0x80]",
        "call {enter}",
        "mov rcx, [rsp + 0x20]",
        "mov rdx, [rsp + 0x28]",
        "mov r8, [rsp + 0x30]",
        "mov r9, [rsp + 0x38]",
        "movups xmm0, [rsp + 0x40]",
        "movups xmm1, [rsp + 0x50]",
        "movups xmm2, [rsp + 0x60]",
        "movups xmm3, [rsp + 0x70]",
        "add rsp, 0xD8",
        "jmp rax",
        "2:",
        "add rsp, 0xD8",
        "3:",
        "mov r11d, {called}",
        "jmp {irregular}",
        called = const convention::CALLED,
        enter = sym enter,
        irregular = sym convention::irregular,
        stack = sym stack::CURRENT,
        entered = sym stack::ENTERED,
        stack_length = const stack::SLOT,
        flags = const convention::IRREGULAR_FLAGS,
        control = const convention::MXCSR_CONTROL,
        mxcsr = const convention::MXCSR,
        x87 = const convention::X87_CONTROL,
        x87_in_use = const convention::X87_IN_USE,
    )
}

/// The return address of a call to the kernel: the stack is the caller's, the result is
/// in `rax` or `xmm0`.
#[unsafe(naked)]
unsafe extern "win64" fn leave_stub() {
    naked_asm!(
        "sub rsp, 0x40",
        "mov [rsp + 0x20], rax",
        "movups [rsp + 0x28], xmm0",
        "lea rcx, [rsp + 0x20]",
        "call {leave}",
        "mov [rsp + 0x38], rax",
        "mov rax, [rsp + 0x20]",
        "movups xmm0, [rsp + 0x28]",
        "add rsp, 0x38",
        "ret",
        leave = sym leave,
    )
}

/// The return address of a call to another driver, which may leave the processor in any
/// state.
#[unsafe(naked)]
unsafe extern "win64" fn leave_driver_stub() {
    naked_asm!(
        "pushfq",
        "test dword ptr [rsp], {flags}",
        "lea rsp, [rsp + 8]",
        "jnz 3f",
        "sub rsp, 0x10",
        "stmxcsr [rsp]",
        "fnstsw [rsp + 4]",
        "fnstcw [rsp + 8]",
        "mov r10d, [rsp]",
        "and r10d, {control}",
        "cmp r10d, {mxcsr}",
        "jne 2f",
        "movzx r10d, word ptr [rsp + 4]",
        "test r10d, {x87_in_use}",
        "jnz 2f",
        "movzx r10d, word ptr [rsp + 8]",
        "cmp r10d, {x87}",
        "jne 2f",
        // The registers that the function must keep.
        "sub rsp, 0x70",
        "mov [rsp + 0x20], rax",
        "movups [rsp + 0x28], xmm0",
        "mov [rsp + 0x38], rbx",
        "mov [rsp + 0x40], rbp",
        "mov [rsp + 0x48], rsi",
        "mov [rsp + 0x50], rdi",
        "mov [rsp + 0x58], r12",
        "mov [rsp + 0x60], r13",
        "mov [rsp + 0x68], r14",
        "mov [rsp + 0x70], r15",
        "lea rcx, [rsp + 0x38]",
        "lea rdx, [rsp + 0x80]",
        "call {check_kept}",
        "mov rax, [rsp + 0x20]",
        "movups xmm0, [rsp + 0x28]",
        "add rsp, 0x80",
        "jmp {leave_stub}",
        "2:",
        "add rsp, 0x10",
        "3:",
        "mov r11d, {returned}",
        "jmp {irregular}",
        returned = const convention::RETURNED,
        leave_stub = sym leave_stub,
        check_kept = sym check_kept,
        irregular = sym convention::irregular,
        flags = const convention::IRREGULAR_FLAGS,
        control = const convention::MXCSR_CONTROL,
        mxcsr = const convention::MXCSR,
        x87 = const convention::X87_CONTROL,
        x87_in_use = const convention::X87_IN_USE,
    )
}

/// The distance from the return address down to the saved `rcx`, in words.
const FIRST: usize = (0xD8 - 0x20) / size_of::<usize>();
/// The number of arguments that are passed in registers, which `enter_stub` saves next to
/// each other.
const IN_REGISTERS: usize = 4;

/// Returns `true` if a call that returns to `home` ends in [`leave`].
pub(crate) fn is_return(home: usize) -> bool {
    [leave_stub as *const (), leave_driver_stub as *const ()]
        .iter()
        .any(|stub| stub.addr() == home)
}

/// Enters a call. Returns the address of the callee. `home` holds the return
/// address, `kept` the caller's non-volatile registers.
unsafe extern "win64" fn enter(number: u32, home: *mut usize, kept: *const [u64; 8]) -> usize {
    // SAFETY: `enter_stub` passes the address of the return address.
    let caller = unsafe { home.read() };
    // SAFETY: `enter_stub` passes the address of the return address.
    let first = unsafe { argument(home, 0) };
    let find = || with(|state| callee(state, number, caller, first));
    let (call, target) = costs::measure(Kind::Checks, find);
    let Some(call) = call else {
        steps::enter(target);
        return target;
    };
    let leave = match call {
        Callee::Import { .. } => leave_stub as *const (),
        Callee::Dispatch { .. } => leave_driver_stub as *const (),
    };
    // SAFETY: the place of the return address, which is the stub's to write to.
    unsafe { home.write(leave.addr()) };
    // SAFETY: `enter_stub` passes the address of the saved registers.
    let registers = Registers::kept(unsafe { kept.read() }, home.addr() + size_of::<usize>());
    let begin = |state: &mut State| {
        state.scheduling.note(u64::from(number) << 32);
        stack_objects::pass_call(state, registers.rsp());
        let current = state.scheduling.current_mut();
        let irql = current.irql;
        current.frames.push(Frame {
            call,
            home: caller,
            irql,
            first,
            registers,
            request: None,
            raises: false,
        });
        stack_frames::record(state);
        let undue = begin_request(state, home);
        if let Callee::Import { driver, export } = call {
            races::call(state, driver, export.name, first);
        }
        state.trace(|state| trace::call(state, frame(state)));
        let promise = begin_promises(state, home, call);
        check(state, call, undue)
            .or(promise)
            .or_else(|| stack_depth::check(state))
    };
    let breach = costs::measure(Kind::Checks, || with(begin));
    if let Some((code, what)) = breach {
        stop(code, what);
    }
    point();
    steps::enter(target);
    match call {
        Callee::Import { .. } if trap::expects_handlers() => {
            with(|state| vectors::keep_on_way(state, target))
        }
        _ => target,
    }
}

/// The call that a thunk makes, and the address of its callee. There is no call to
/// watch if a function of a dispatch table is not called by its owner's peer.
fn callee(state: &mut State, number: u32, home: usize, first: usize) -> (Option<Callee>, usize) {
    table_functions::refresh(state);
    match state.calls.targets[number as usize] {
        Target::Import(driver, export) => {
            (Some(Callee::Import { driver, export }), export.address())
        }
        Target::Function { function, rest } => {
            let crossing = table_functions::crossing(state, function, home, first);
            let call = crossing.map(|(driver, through)| Callee::Dispatch {
                driver,
                through,
                target: function,
            });
            (call, rest)
        }
    }
}

/// Checks that the function of a dispatch table has kept what it must: it returns with
/// `kept`, and its stack pointer is `rsp`.
unsafe extern "win64" fn check_kept(kept: *const [u64; 8], rsp: usize) {
    // SAFETY: `leave_driver_stub` passes the address of the saved registers.
    let kept = Registers::kept(unsafe { kept.read() }, rsp);
    let breach = with(|state| {
        let frame = frame(state);
        let name = kept.first_difference(&frame.registers)?;
        let Callee::Dispatch { target, .. } = frame.call else {
            return None;
        };
        let irregular = match name {
            "rsp" => Irregular::StackMoved,
            name => Irregular::Register(name),
        };
        let what = format!("{} returned {irregular}", frame.call.target());
        Some((what, state.loader.drivers.site(target)))
    });
    if let Some((what, site)) = breach {
        stop_at(CONVENTION, what, site);
    }
}

/// Leaves a call. Returns the address to return to. `result` holds the result;
/// its undefined bytes become 0, as they would differ from run to run.
unsafe extern "win64" fn leave(result: *mut u64) -> usize {
    let end = |state: &mut State| {
        table_functions::refresh(state);
        let call = frame(state).call;
        // SAFETY: `leave_stub` passes the address of the saved `rax`.
        let value = call.result(unsafe { result.read() });
        // SAFETY: as above.
        unsafe { result.write(value) };
        state.trace(|state| trace::returned(frame(state), value));
        if let Callee::Import { driver, export } = call {
            let first = frame(state).first;
            races::returned(state, driver, export.name, first);
        }
        watch_return(state, call, value)
    };
    let breach = costs::measure(Kind::Checks, || with(end));
    if let Some((code, what, site)) = breach {
        stop_at(code, what, site);
    }
    point();
    let home = with(|state| {
        if frame(state).raises {
            return trap::dispatcher();
        }
        let frame = state.scheduling.current_mut().frames.pop();
        frame.expect("what leaves has entered").home
    });
    steps::enter(home);
    home
}

/// The innermost call of the current thread.
fn frame(state: &State) -> &Frame {
    let frames = &state.scheduling.current().frames;
    frames.last().expect("a call is under way")
}

/// The argument with this number, from 0, of the call that returns to what `home` points
/// to.
///
/// # Safety
///
/// `home` is the address of the return address below which `enter_stub` has saved the
/// registers, and the call has that argument.
unsafe fn argument(home: *const usize, number: usize) -> usize {
    let place = if number < IN_REGISTERS {
        home.wrapping_sub(FIRST).wrapping_add(number)
    } else {
        home.wrapping_add(1 + number)
    };
    // SAFETY: it is there, by this function's contract: `rcx` and the registers after it
    // are saved in order, and the others lie above the return address and the four words
    // that the callee may use.
    unsafe { place.read() }
}

/// Numbers the request that the innermost call makes or completes. Returns a completion of
/// what is not outstanding.
fn begin_request(state: &mut State, home: *const usize) -> Option<Undue> {
    let Callee::Dispatch {
        driver, through, ..
    } = frame(state).call
    else {
        return None;
    };
    let owner = |binding| state.verifier.binding_calls.code(binding, through.owner);
    let callee = through.binding.map(owner);
    let callee = callee.and_then(|code| state.loader.drivers.site(code));
    let call = DescribedCall::new(through, driver, callee.map(|site| site.driver))?;
    // SAFETY: the call that `enter_stub` is in; the function's description says that there
    // is such an argument.
    let argument = |number| unsafe { argument(home, number) };
    match state.verifier.outstanding_requests.call(call, argument) {
        Effect::None => {
            let cancelled = state
                .verifier
                .outstanding_requests
                .cancelled(&call, argument);
            let frames = &mut state.scheduling.current_mut().frames;
            frames.last_mut().expect("a call is under way").request = cancelled;
            None
        }
        Effect::Undue(undue) => Some(undue),
        Effect::Request(number) => {
            let frames = &mut state.scheduling.current_mut().frames;
            frames.last_mut().expect("a call is under way").request = Some(number);
            None
        }
    }
}

/// Checks a call before it is made; `undue` is the completion that it is, if it is undue.
/// Returns the breach, if it is one.
fn check(state: &mut State, call: Callee, undue: Option<Undue>) -> Option<(Code, String)> {
    match call {
        Callee::Import { export, .. } => {
            let irql = state.scheduling.current().irql;
            (irql > export.max_irql).then(|| {
                let what = format!(
                    "{} was called at {}, its limit is {}",
                    export.name,
                    irql::name(irql),
                    irql::name(export.max_irql)
                );
                let home = frame(state).home;
                (("0xA", [0, usize::from(irql), 0, home]).into(), what)
            })
        }
        Callee::Dispatch {
            driver,
            through,
            target,
        } => {
            let completes = through.completes() && undue.is_none();
            binding_calls::check_call(state, driver, through, completes)
                .or_else(|| undue_completion::breach(state, undue?, driver, target))
        }
    }
}

/// Checks what the description of an NPI promises of the call that begins.
fn begin_promises(state: &mut State, home: *const usize, call: Callee) -> Option<(Code, String)> {
    // SAFETY: the call that `enter_stub` is in; the function's description says that there
    // is such an argument.
    let argument = |number| unsafe { argument(home, number) };
    let crossing = crossing(state, call)?;
    promises::begin(state, crossing, argument)
}

/// The innermost call, which is `call`, if its function is described.
fn crossing(state: &State, call: Callee) -> Option<Crossing> {
    let Callee::Dispatch {
        driver,
        through,
        target,
    } = call
    else {
        return None;
    };
    Crossing::new(state, through, driver, target, frame(state).request)
}

/// Checks a call that returns. Returns the breach and the place that is
/// responsible.
fn watch_return(
    state: &mut State,
    call: Callee,
    result: u64,
) -> Option<(Code, String, Option<Site>)> {
    let Callee::Dispatch {
        through, target, ..
    } = call
    else {
        return None;
    };
    let pended = state.verifier.binding_calls.leave(through, target, result);
    if let Some(number) = frame(state).request
        && through.pends()
        && !pended
    {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an NTSTATUS is the low half"
        )]
        let status = result as u32;
        let outstanding = &mut state.verifier.outstanding_requests;
        if !outstanding.answer(number, status)
            && let Some((code, what)) =
                undue_completion::answered_too(state, through, target, status)
        {
            return Some((code, what, state.loader.drivers.site(target)));
        }
    }
    if let Some(crossing) = crossing(state, call) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an NTSTATUS is the low half"
        )]
        let status = result as u32;
        if let Some((code, what)) = promises::end(state, crossing, status, pended) {
            return Some((code, what, state.loader.drivers.site(target)));
        }
    }
    if through.completes() {
        state.verifier.binding_calls.completed_at = state.scheduling.now();
    }
    let (before, after) = (frame(state).irql, state.scheduling.current().irql);
    (before != after).then(|| {
        let code = unexpected_irql(after, before);
        let (before, after) = (irql::name(before), irql::name(after));
        let what = format!("{through} returned at {after}, it was called at {before}");
        (code, what, state.loader.drivers.site(target))
    })
}
