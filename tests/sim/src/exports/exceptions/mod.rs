// SPDX-License-Identifier: MIT OR Apache-2.0

//! Structured exceptions: what raises them, and how they come to the handlers of a driver.
//!
//! A function of the kernel that raises an exception returns; the thunk then leads the thread
//! to [`stub`] instead of its caller. An instruction that faults leads there by its signal.
//!
//! Reference: <https://learn.microsoft.com/windows-hardware/drivers/kernel/handling-exceptions>.

mod context;
mod dispatch;
mod frames;
mod probes;
mod raises;
mod scopes;

use std::collections::BTreeMap;

use crate::hardware::driver_code;
use crate::kernel::{State, with};
use crate::loader::export::Export;
use crate::scheduling::ThreadId;
use crate::verifier::driver_call;
pub(crate) use context::stub;
use dispatch::Target;
pub(crate) use raises::raise;

/// What the files of this folder export.
pub(super) const TABLES: &[&[Export]] = &[probes::EXPORTS, raises::EXPORTS];

/// The export that images with handlers import.
pub(crate) const HANDLER: &str = "__C_specific_handler";

/// An exception that a function of the kernel raises.
#[derive(Clone, Debug)]
pub(super) struct Raised {
    status: i32,
    /// What the function has found, for the finding if nobody handles it.
    what: String,
}

/// The exceptions that are under way, by thread.
#[derive(Debug, Default)]
pub(crate) struct Exceptions {
    raised: BTreeMap<ThreadId, Raised>,
    chosen: BTreeMap<ThreadId, Target>,
}

impl Exceptions {
    /// The exception that a function has raised on a thread.
    fn take_raised(&mut self, thread: ThreadId) -> Option<Raised> {
        self.raised.remove(&thread)
    }

    /// A handler has decided where a thread goes on.
    fn choose(&mut self, thread: ThreadId, target: Target) {
        self.chosen.insert(thread, target);
    }

    /// Where a handler lets a thread go on, if it does.
    fn chosen(&mut self, thread: ThreadId) -> Option<Target> {
        self.chosen.remove(&thread)
    }
}

/// Calls a routine of a driver's that belongs to an exception. Returns its result.
fn call(what: &'static str, routine: usize, arguments: &[usize]) -> i32 {
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
