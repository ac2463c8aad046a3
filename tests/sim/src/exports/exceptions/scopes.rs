// SPDX-License-Identifier: MIT OR Apache-2.0

//! `__C_specific_handler`: what the compiler has noted of the `__try` blocks of a function.

use std::ptr;

use windows_sys::Win32::System::Diagnostics::Debug::{
    CONTEXT, DISPATCHER_CONTEXT, EXCEPTION_POINTERS, EXCEPTION_RECORD,
};

use crate::exports::exceptions::{Target, UNWINDING, UNWINDS_TARGET, call};
use crate::kernel::with;

/// `ExceptionContinueExecution`.
pub(crate) const CONTINUE_EXECUTION: i32 = 0;
/// `ExceptionContinueSearch`.
pub(crate) const CONTINUE_SEARCH: i32 = 1;

/// `C_SCOPE_TABLE_ENTRY`: offsets in the image.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Scope {
    begin: u32,
    end: u32,
    /// The filter, or 1 for `EXCEPTION_EXECUTE_HANDLER`; the `__finally` block if `target`
    /// is 0.
    handler: u32,
    target: u32,
}

pub(super) unsafe extern "win64" fn c_specific_handler(
    record: *mut EXCEPTION_RECORD,
    frame: usize,
    context: *mut CONTEXT,
    dispatcher: *mut DISPATCHER_CONTEXT,
) -> i32 {
    /// `EXCEPTION_EXECUTE_HANDLER` in the place of a filter.
    const EXECUTE_HANDLER: u32 = 1;

    // SAFETY: the exception's dispatcher passes both, by way of the driver.
    let (flags, now) = unsafe { ((*record).ExceptionFlags, *dispatcher) };
    let base = usize::try_from(now.ImageBase).expect("both have 64 bits");
    let at = now.ControlPc.wrapping_sub(now.ImageBase);
    let target = now.TargetIp.wrapping_sub(now.ImageBase);
    let table = now.HandlerData.cast::<u32>();
    // SAFETY: the table of the image begins with its length.
    let count = unsafe { table.read_unaligned() };
    let within =
        |scope: &Scope, at: u64| (u64::from(scope.begin)..u64::from(scope.end)).contains(&at);
    for index in now.ScopeIndex..count {
        // SAFETY: the table has as many entries behind its length.
        let scope = unsafe {
            let first = table.wrapping_add(1).cast::<Scope>();
            first.wrapping_add(index as usize).read_unaligned()
        };
        if !within(&scope, at) {
            continue;
        }
        if flags & UNWINDING != 0 {
            let in_target = flags & UNWINDS_TARGET != 0;
            if in_target && (within(&scope, target) || target == u64::from(scope.target)) {
                break;
            }
            if scope.target == 0 {
                // SAFETY: the dispatcher's, as above.
                unsafe { (*dispatcher).ScopeIndex = index + 1 };
                with(|state| {
                    let thread = state.scheduling.current_id();
                    state.exports.exceptions.pass(thread, index + 1);
                });
                call(
                    "a __finally block",
                    base + scope.handler as usize,
                    &[1, frame],
                );
            }
            continue;
        }
        if scope.target == 0 {
            continue;
        }
        let answer = if scope.handler == EXECUTE_HANDLER {
            1
        } else {
            let mut pointers = EXCEPTION_POINTERS {
                ExceptionRecord: record,
                ContextRecord: context,
            };
            let pointers = ptr::from_mut(&mut pointers).addr();
            let filter = base + scope.handler as usize;
            call("an exception filter", filter, &[pointers, frame])
        };
        if answer < 0 {
            return CONTINUE_EXECUTION;
        }
        if answer > 0 {
            let target = Target {
                frame: now.EstablisherFrame,
                address: now.ImageBase + u64::from(scope.target),
            };
            with(|state| {
                state
                    .exports
                    .exceptions
                    .choose(state.scheduling.current_id(), target);
            });
            break;
        }
    }
    CONTINUE_SEARCH
}
