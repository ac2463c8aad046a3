// SPDX-License-Identifier: MIT OR Apache-2.0

//! Passes an exception to the handlers of the driver that raised it: first in search of one
//! that handles it, then through the frames between, whose `__finally` blocks run.
//!
//! An exception that a filter raises goes on at the instruction that raised the first one; one that
//! a `__finally` block raises, behind this block: the first one ends with that, as two unwinds that
//! collide do in Windows.
//!
//! # Limits
//!
//! The search ends at any other routine that the kernel has called, and where a driver was called
//! through a dispatch table.

use windows_sys::Win32::Foundation::STATUS_NONCONTINUABLE_EXCEPTION;
use windows_sys::Win32::System::Diagnostics::Debug::{CONTEXT_FULL_AMD64, EXCEPTION_RECORD};

use crate::analysis::exception::{self, report_exception};
use crate::exceptions::context::Context;
use crate::exceptions::frames::ExceptionFrame;
use crate::exports::exceptions::scopes::{CONTINUE_EXECUTION, CONTINUE_SEARCH};
use crate::exports::exceptions::{Depth, Raised, Running, Target, UNWINDING, UNWINDS_TARGET, call};
use crate::findings::{bug_check, stop};
use crate::hardware::trap::{self, Exception};
use crate::kernel::{State, with};
use crate::scheduling::terminate;

/// `EXCEPTION_NONCONTINUABLE`.
const NONCONTINUABLE: u32 = 0x1;

/// What has raised an exception.
enum Cause {
    /// A function of the kernel, which the driver has called.
    Kernel(Raised),
    /// An instruction of the driver.
    Instruction(Exception),
}

/// Handles the exception of a thread with these registers; it goes on with what they are
/// then.
pub(super) unsafe extern "win64" fn dispatch(context: *mut Context) {
    // SAFETY: the stub passes the registers that it has saved on its own stack.
    let context = unsafe { &mut *context };
    context.0.ContextFlags = CONTEXT_FULL_AMD64;
    let cause = cause();
    let Some(mut record) = with(|state| record(state, &cause, context)) else {
        terminate();
    };
    let start = Walk::new(context, &cause);
    let mut walk = start;
    let mut target = None;
    while let Some(mut frame) = walk.frame() {
        if frame.handler.is_some_and(|handler| handler.on_exception) {
            let running = start.running();
            let answer = run_handler(&mut frame, &mut record, context, (0, walk.scope), running);
            let thread = with(|state| state.scheduling.current_id());
            target = with(|state| state.exports.exceptions.chosen(thread));
            if target.is_some() {
                break;
            }
            if answer == CONTINUE_EXECUTION {
                go_on(&cause);
                return;
            }
        }
        walk.pass(&frame);
    }
    let Some(target) = target else {
        unhandled(cause);
    };
    unwind(context, &mut record, target, start);
}

/// A walk along the frames of a thread, from where an exception was raised outwards.
#[derive(Clone, Copy)]
struct Walk {
    /// The registers of the function that comes next.
    current: Context,
    /// The first of its `__try` blocks that counts.
    scope: u32,
    depth: Depth,
}

impl Walk {
    /// From the registers of the current thread, at which `cause` was raised.
    fn new(context: &Context, cause: &Cause) -> Self {
        let depth = with(|state| {
            let thread = state.scheduling.current_id();
            let current = state.scheduling.current();
            // A function that raises an exception does not return.
            let raised = usize::from(matches!(cause, Cause::Kernel(_)));
            Depth {
                calls: current.frames.len() - raised,
                routines: current.routines.len(),
                handlers: state.exports.exceptions.handlers(thread),
            }
        });
        Self {
            current: *context,
            scope: 0,
            depth,
        }
    }

    /// The next frame. That of a filter or a `__finally` block is followed by what led to it.
    fn frame(&mut self) -> Option<ExceptionFrame> {
        with(|state| {
            loop {
                if let Some(frame) = ExceptionFrame::new(state, &self.current) {
                    return Some(frame);
                }
                let rip = usize::try_from(self.current.0.Rip).ok()?;
                if state.loader.drivers.site(rip).is_some() {
                    return None;
                }
                let thread = state.scheduling.current_id();
                let around = state.exports.exceptions.around(thread, self.depth)?;
                self.current = Context(*around.context);
                self.scope = around.scope;
                self.depth = around.depth;
            }
        })
    }

    /// Goes on behind a frame.
    const fn pass(&mut self, frame: &ExceptionFrame) {
        self.current = frame.caller;
        self.scope = 0;
    }

    /// A handler that is called now: what it raises goes on here.
    fn running(&self) -> Running {
        Running {
            context: Box::new(self.current.0),
            scope: self.scope,
            depth: self.depth,
            routines: with(|state| state.scheduling.current().routines.len()),
        }
    }

    /// Ends what is under way inside the frame.
    fn settle(&self) {
        let Depth {
            calls,
            routines,
            handlers,
        } = self.depth;
        with(|state| {
            let thread = state.scheduling.current_id();
            state.exports.exceptions.end(thread, handlers);
            let current = state.scheduling.current_mut();
            current.frames.truncate(calls);
            current.routines.truncate(routines);
        });
    }
}

/// What has led the current thread here.
fn cause() -> Cause {
    let raised = with(|state| {
        let thread = state.scheduling.current_id();
        state.exports.exceptions.take_raised(thread)
    });
    raised.map_or_else(|| Cause::Instruction(trap::take_pending()), Cause::Kernel)
}

/// Describes the exception as its handlers see it, and completes the registers. Reports it
/// and returns `None` if it is one that Windows passes to no handler.
fn record(state: &mut State, cause: &Cause, context: &mut Context) -> Option<EXCEPTION_RECORD> {
    let mut record = EXCEPTION_RECORD::default();
    match cause {
        Cause::Kernel(raised) => {
            let frame = state.scheduling.current().frames.last();
            context.0.Rip = frame.map_or(0, |frame| frame.home as u64);
            record.ExceptionCode = raised.status;
            match &raised.fault {
                Some((_, information)) => inform(&mut record, information),
                None => record.ExceptionFlags = NONCONTINUABLE,
            }
        }
        Cause::Instruction(fault) => {
            context.0.Rip = fault.rip as u64;
            let Some(raisable) = exception::raisable(state, fault) else {
                report_exception(state, fault);
                return None;
            };
            record.ExceptionCode = raisable.status;
            inform(&mut record, &raisable.information);
        }
    }
    record.ExceptionAddress = std::ptr::with_exposed_provenance_mut(
        usize::try_from(context.0.Rip).expect("both have 64 bits"),
    );
    state.trace(|_| format!("exception {:#x}", record.ExceptionCode));
    Some(record)
}

/// Says in a record what handlers learn of an exception.
fn inform(record: &mut EXCEPTION_RECORD, information: &[usize]) {
    record.NumberParameters = information.len().try_into().unwrap_or(0);
    for (place, value) in record.ExceptionInformation.iter_mut().zip(information) {
        *place = *value;
    }
}

/// Calls the handler of a frame, for which the thread goes on at `target`, from the `__try` block
/// `scope` on. Returns its answer.
fn run_handler(
    frame: &mut ExceptionFrame,
    record: &mut EXCEPTION_RECORD,
    context: &mut Context,
    (target, scope): (u64, u32),
    running: Running,
) -> i32 {
    let Some(handler) = frame.handler else {
        return CONTINUE_SEARCH;
    };
    let establisher = usize::try_from(frame.establisher).expect("both have 64 bits");
    let (mut dispatcher, routine) = frame.dispatcher(&handler, target, scope);
    let arguments = [
        std::ptr::from_mut(record).addr(),
        establisher,
        std::ptr::from_mut(context).addr(),
        (&raw mut dispatcher).addr(),
    ];
    let before = with(|state| {
        let thread = state.scheduling.current_id();
        let before = state.exports.exceptions.handlers(thread);
        state.exports.exceptions.begin(thread, running);
        before
    });
    let answer = call("the exception handler of a function", routine, &arguments);
    with(|state| {
        let thread = state.scheduling.current_id();
        state.exports.exceptions.end(thread, before);
    });
    answer
}

/// Runs the `__finally` blocks up to the handler's frame, and leads the thread there.
fn unwind(context: &mut Context, record: &mut EXCEPTION_RECORD, target: Target, mut walk: Walk) {
    record.ExceptionFlags |= UNWINDING;
    while let Some(mut frame) = walk.frame() {
        let last = frame.establisher == target.frame && frame.handler.is_some();
        if last {
            record.ExceptionFlags |= UNWINDS_TARGET;
        }
        if frame.handler.is_some_and(|handler| handler.on_unwind) {
            let running = walk.running();
            run_handler(
                &mut frame,
                record,
                context,
                (target.address, walk.scope),
                running,
            );
        }
        if last {
            walk.settle();
            *context = frame.context;
            context.0.Rip = target.address;
            context.0.Rax = u64::from(record.ExceptionCode.cast_unsigned());
            return;
        }
        walk.pass(&frame);
    }
    unreachable!("the frame of the handler was found before")
}

/// A filter lets the thread go on where it was.
fn go_on(cause: &Cause) {
    if matches!(cause, Cause::Kernel(_)) {
        let code = with(|state| bug_check::raised(state, STATUS_NONCONTINUABLE_EXCEPTION));
        let what = "an exception filter returned EXCEPTION_CONTINUE_EXECUTION for an exception \
                    that a function has raised, after which nothing can go on";
        stop(code, what.to_owned());
    }
}

/// Nobody handles the exception.
fn unhandled(cause: Cause) -> ! {
    match cause {
        Cause::Kernel(Raised {
            fault: Some((fault, _)),
            ..
        })
        | Cause::Instruction(fault) => {
            with(|state| report_exception(state, &fault));
            terminate();
        }
        Cause::Kernel(raised) => {
            let code = with(|state| bug_check::raised(state, raised.status));
            stop(code, raised.what);
        }
    }
}
