// SPDX-License-Identifier: MIT OR Apache-2.0

//! Structured exceptions: what raises them, and what the compiler's tables say of handlers.
//!
//! Reference: <https://learn.microsoft.com/windows-hardware/drivers/kernel/handling-exceptions>.

mod probes;
mod raises;
pub(crate) mod scopes;

use std::collections::BTreeMap;
use std::fmt;

use windows_sys::Win32::System::Diagnostics::Debug::CONTEXT;

use crate::hardware::driver_code;
use crate::hardware::trap::Exception;
use crate::kernel::{State, with};
use crate::loader::export::Export;
use crate::scheduling::ThreadId;
use crate::verifier::driver_call;
pub(crate) use raises::raise;

/// What the files of this folder export.
pub(super) const TABLES: &[&[Export]] = &[probes::EXPORTS, raises::EXPORTS];

/// The export that images with handlers import.
pub(crate) const HANDLER: &str = "__C_specific_handler";

/// `EXCEPTION_UNWINDING`.
pub(crate) const UNWINDING: u32 = 0x2;
/// `EXCEPTION_TARGET_UNWIND`.
pub(crate) const UNWINDS_TARGET: u32 = 0x20;

/// Where a thread goes on whose exception is handled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// The frame of the function.
    pub(crate) frame: u64,
    /// Its `__except` block.
    pub(crate) address: u64,
}

/// An exception that a function of the kernel raises.
#[derive(Clone, Debug)]
pub(crate) struct Raised {
    pub(crate) status: i32,
    /// What the function has found, for the finding if nobody handles it.
    pub(crate) what: String,
    /// The exception that the function met itself, if it did, and what handlers learn of it.
    pub(crate) fault: Option<(Exception, Vec<usize>)>,
}

/// What is under way on a thread at a frame: calls of the kernel, routines that it calls, and
/// handlers of exceptions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Depth {
    pub(crate) calls: usize,
    pub(crate) routines: usize,
    pub(crate) handlers: usize,
}

/// A handler that is being called. If its filter or its `__finally` block raises an exception, the
/// search goes on from here.
#[derive(Clone)]
pub(crate) struct Running {
    /// The registers of the function that comes next then.
    pub(crate) context: Box<CONTEXT>,
    /// The first of its `__try` blocks that is left.
    pub(crate) scope: u32,
    /// What is under way there.
    pub(crate) depth: Depth,
    /// How many routines were under way when the handler was called.
    pub(crate) routines: usize,
}

/// Registers have no text.
impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, depth, .. } = self;
        write!(f, "Running {{ {scope}, {depth:?}, .. }}")
    }
}

/// The exceptions that are under way, by thread.
#[derive(Debug, Default)]
pub(crate) struct Exceptions {
    raised: BTreeMap<ThreadId, Raised>,
    chosen: BTreeMap<ThreadId, Target>,
    /// The innermost last.
    running: BTreeMap<ThreadId, Vec<Running>>,
}

impl Exceptions {
    /// A function that a thread has called raises an exception.
    pub(crate) fn raise(&mut self, thread: ThreadId, raised: Raised) {
        self.raised.insert(thread, raised);
    }

    /// The exception that a function has raised on a thread.
    pub(crate) fn take_raised(&mut self, thread: ThreadId) -> Option<Raised> {
        self.raised.remove(&thread)
    }

    /// How many handlers are being called on a thread.
    pub(crate) fn handlers(&self, thread: ThreadId) -> usize {
        self.running.get(&thread).map_or(0, Vec::len)
    }

    /// A handler is about to be called on a thread.
    pub(crate) fn begin(&mut self, thread: ThreadId, handler: Running) {
        self.running.entry(thread).or_default().push(handler);
    }

    /// Forgets all but the first `handlers` of a thread: the others have returned, or never will.
    pub(crate) fn end(&mut self, thread: ThreadId, handlers: usize) {
        if let Some(running) = self.running.get_mut(&thread) {
            running.truncate(handlers);
        }
    }

    /// The innermost handler has come to the `__try` block with this number.
    fn pass(&mut self, thread: ThreadId, scope: u32) {
        let running = self.running.get_mut(&thread);
        if let Some(innermost) = running.and_then(|it| it.last_mut()) {
            innermost.scope = scope;
        }
    }

    /// The handler whose filter or `__finally` block was called at this depth.
    pub(crate) fn around(&self, thread: ThreadId, depth: Depth) -> Option<&Running> {
        /// The handler of the compiler, and what it has called.
        const CALLED: usize = 2;
        let running = self.running.get(&thread)?;
        let handler = running.get(depth.handlers.checked_sub(1)?)?;
        (handler.routines + CALLED == depth.routines).then_some(handler)
    }

    /// A handler has decided where a thread goes on.
    fn choose(&mut self, thread: ThreadId, target: Target) {
        self.chosen.insert(thread, target);
    }

    /// Where a handler lets a thread go on, if it does.
    pub(crate) fn chosen(&mut self, thread: ThreadId) -> Option<Target> {
        self.chosen.remove(&thread)
    }
}

/// Calls a routine of a driver's that belongs to an exception. Returns its result.
pub(crate) fn call(what: &'static str, routine: usize, arguments: &[usize]) -> i32 {
    with(|state: &mut State| driver_call::begin(state, what.into(), routine, None));
    // SAFETY: the image's unwind information names the routine, for these arguments.
    let result = unsafe { driver_code::call(routine, arguments) };
    with(driver_call::end);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the upper half is undefined"
    )]
    let result = result as u32;
    result.cast_signed()
}
