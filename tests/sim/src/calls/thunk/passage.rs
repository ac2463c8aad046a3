// SPDX-License-Identifier: MIT OR Apache-2.0

//! The beginning and the return of calls between modules.

use super::Target;
use super::checks::{begin_promises, begin_request, check, watch_return};
use super::stubs::{leave_driver_stub, leave_stub};
use crate::calls::{table_functions, trace, vectors};
use crate::costs::{self, Kind};
use crate::findings::bug_check::CONVENTION;
use crate::findings::caller::caller;
use crate::findings::{stop, stop_at};
use crate::hardware::convention::Irregular;
use crate::hardware::registers::Registers;
use crate::hardware::trap::{self, steps};
use crate::kernel::{State, with};
use crate::loader::drivers::FailedCall;
use crate::objects::apcs;
use crate::scheduling::frame::{Callee, Frame};
use crate::scheduling::point;
use crate::verifier::{races, stack_depth, stack_frames, stack_objects};

/// The distance from the return address down to the saved `rcx`, in words.
const FIRST: usize = (0xD8 - 0x20) / size_of::<usize>();
/// The functions that print a message for a debugger, and those that copy the parts of which a
/// driver makes one.
const MESSAGES: [&str; 8] = [
    "DbgPrint",
    "DbgPrintEx",
    "memcmp",
    "memcpy",
    "memmove",
    "memset",
    "vDbgPrintEx",
    "vDbgPrintExWithPrefix",
];
/// The number of arguments that are passed in registers, which `enter_stub` saves next to
/// each other.
const IN_REGISTERS: usize = 4;

/// Enters a call. Returns the address of the callee. `home` holds the return
/// address, `kept` the caller's non-volatile registers.
pub(super) unsafe extern "win64" fn enter(
    number: u32,
    home: *mut usize,
    kept: *const [u64; 8],
) -> usize {
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
    let mut counts = true;
    let mut dead = None;
    let begin = |state: &mut State| {
        counts = counts_for_course(state, call);
        if counts {
            state.scheduling.note(u64::from(number) << 32);
        }
        dead = stack_objects::pass_call(state, registers.rsp());
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
        let wrong = begin_request(state, home);
        if let Callee::Import { driver, export } = call {
            races::call(state, driver, export.name, first);
        }
        state.trace(|state| trace::call(state, frame(state)));
        let promise = begin_promises(state, home, call);
        check(state, home, call, wrong)
            .or(promise)
            .or_else(|| stack_depth::check(state))
    };
    let breach = costs::measure(Kind::Checks, || with(begin));
    if let Some((code, what, by)) = dead {
        stop_at(code, what, Some(by));
    }
    if let Some((code, what)) = breach {
        stop(code, what);
    }
    if counts {
        point();
        apcs::deliver();
    }
    steps::enter(target);
    match call {
        Callee::Import { .. } if trap::expects_handlers() => {
            with(|state| vectors::keep_on_way(state, target))
        }
        _ => target,
    }
}

/// Returns `true` if a call is part of the course of the cycle.
fn counts_for_course(state: &State, call: Callee) -> bool {
    let is_message =
        |call| matches!(call, Callee::Import { export, .. } if MESSAGES.contains(&export.name));
    !state.calls.passes_over_messages || !is_message(call)
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
pub(super) unsafe extern "win64" fn check_kept(kept: *const [u64; 8], rsp: usize) {
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
pub(super) unsafe extern "win64" fn leave(result: *mut u64) -> usize {
    let mut counts = true;
    let end = |state: &mut State| {
        table_functions::refresh(state);
        let call = frame(state).call;
        counts = counts_for_course(state, call);
        // SAFETY: `leave_stub` passes the address of the saved `rax`.
        let value = call.result(unsafe { result.read() });
        // SAFETY: as above.
        unsafe { result.write(value) };
        state.trace(|state| trace::returned(frame(state), value));
        if let Callee::Import { driver, export } = call {
            let first = frame(state).first;
            races::returned(state, driver, export.name, first);
            if let Some(status) = export.failure(value) {
                let by = caller(state);
                state.loader.drivers[driver].failed = Some(FailedCall {
                    function: export.name,
                    status,
                    by,
                });
            }
        }
        watch_return(state, call, value)
    };
    let breach = costs::measure(Kind::Checks, || with(end));
    if let Some((code, what, site)) = breach {
        stop_at(code, what, site);
    }
    if counts {
        point();
        apcs::deliver();
    }
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
pub(super) fn frame(state: &State) -> &Frame {
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
pub(super) unsafe fn argument(home: *const usize, number: usize) -> usize {
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
