// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls routines of drivers, such that an address that is no code is attributed to the
//! driver that named it.

use std::borrow::Cow;

use crate::hardware::driver_code;
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::scheduling::routine::Routine;
use crate::verifier::races;

/// Calls a routine of a driver, which `by` has named as `what`. Returns its result.
///
/// # Safety
///
/// The routine takes these arguments. It need not be code.
pub(crate) unsafe fn call(
    what: impl Into<Cow<'static, str>>,
    routine: usize,
    by: Option<Site>,
    arguments: &[usize],
) -> usize {
    let what = what.into();
    with(|state| {
        races::begin_routine(state, &what, routine, arguments);
        begin(state, what, routine, by);
    });
    // SAFETY: the arguments are right, by this function's contract.
    let result = unsafe { driver_code::call(routine, arguments) };
    with(|state| {
        let ended = end(state);
        races::end_routine(state, &ended, routine, arguments);
    });
    result
}

/// The 32 bits of a result that are a status.
pub(crate) const fn status(result: usize) -> i32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the upper half is undefined"
    )]
    let status = result as u32;
    status.cast_signed()
}

/// The kernel is about to call a routine on the current thread.
pub(crate) fn begin(state: &mut State, what: Cow<'static, str>, address: usize, by: Option<Site>) {
    let current = state.scheduling.current_mut();
    let depth = current.frames.len();
    let outer = current.stack_used();
    let entry = (&raw const depth).addr();
    current.routines.push(Routine {
        what,
        address,
        by,
        depth,
        entry,
        outer,
    });
}

/// The innermost routine of the current thread has returned. Returns what it is.
pub(crate) fn end(state: &mut State) -> Cow<'static, str> {
    let ended = state.scheduling.current_mut().routines.pop();
    ended.expect("what returns was called").what
}
