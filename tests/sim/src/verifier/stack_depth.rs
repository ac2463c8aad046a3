// SPDX-License-Identifier: MIT OR Apache-2.0

//! The depth of a kernel stack: on Windows it has 24 KB. The stacks of simulated threads are
//! larger, as the simulated kernel runs on them, too.
//!
//! Only the frames of drivers count, at each call that they make and where one takes more than a page, so that a driver is never
//! accused of what the simulated kernel needs.

use crate::findings::bug_check::Code;
use crate::findings::call_stack;
use crate::kernel::State;

/// The bug check for the depth of the current thread's stack at its innermost call, if that
/// is too much.
pub(crate) fn check(state: &State) -> Option<(Code, String)> {
    too_deep(state, state.scheduling.current().stack_used())
}

/// The same where the stack pointer is `rsp` in the code of the innermost routine.
pub(crate) fn check_at(state: &State, rsp: usize) -> Option<(Code, String)> {
    let routine = state.scheduling.current().routines.last()?;
    too_deep(state, routine.used(rsp))
}

fn too_deep(state: &State, used: usize) -> Option<(Code, String)> {
    /// The number of the double fault.
    const DOUBLE_FAULT: usize = 8;

    let room = state.scheduling.current().stack_room;
    if used <= room {
        return None;
    }
    let most = call_stack::largest_frames(state).map(|(site, bytes)| {
        let function = state.loader.drivers.show_function(site);
        format!(", {bytes} of them by {function}")
    });
    let what = format!(
        "{used} bytes of its stack are in use{}: Windows gives a thread {room}",
        most.unwrap_or_default()
    );
    Some((("0x7F", [DOUBLE_FAULT, 0, 0, 0]).into(), what))
}
