// SPDX-License-Identifier: MIT OR Apache-2.0

//! Signals that ask the program to end: it looks for them between two cycles.
//!
//! They are blocked, not handled: a handler would run on the stack of a driver's thread.

use std::mem::MaybeUninit;

/// The signals of Ctrl-C, of `kill`, and of a terminal that is closed.
const SIGNALS: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

/// Leaves the signals pending from now on. No other thread may have been started.
pub(super) fn block() {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the call writes an empty set to the pointer, which is valid.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for signal in SIGNALS {
        // SAFETY: `sigemptyset` has initialized the set.
        unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    }
    // SAFETY: the set is initialized; a null pointer asks for no old mask.
    unsafe { libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut()) };
}

/// Returns `true` if one of the signals has been sent.
pub(super) fn have_come() -> bool {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the call writes the pending signals to the pointer, which is valid.
    let result = unsafe { libc::sigpending(set.as_mut_ptr()) };
    result == 0
        && SIGNALS.into_iter().any(|signal| {
            // SAFETY: `sigpending` has succeeded and therefore initialized the set.
            unsafe { libc::sigismember(set.as_ptr(), signal) == 1 }
        })
}
