// SPDX-License-Identifier: MIT OR Apache-2.0

//! The last resort against a driver that keeps the simulated kernel itself busy, by a
//! list that ends nowhere, say: the timer of `trap` stops driver code only.
//!
//! The watchdog measures processor time. At its first check without progress the thread
//! is stopped like one with an exception, at the second one the process ends.

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The period of the checks, in seconds of processor time.
const PERIOD: i64 = 10;

/// The points that had been passed at the last check.
static SEEN: AtomicU64 = AtomicU64::new(u64::MAX);
/// The number of checks without progress.
static STUCK: AtomicU32 = AtomicU32::new(0);

/// Starts the timer, which sends SIGPROF.
pub(crate) fn start() -> io::Result<()> {
    let period = libc::timeval {
        tv_sec: PERIOD,
        tv_usec: 0,
    };
    let timer = libc::itimerval {
        it_interval: period,
        it_value: period,
    };
    // SAFETY: the timer's value is valid for the call.
    let result = unsafe { libc::setitimer(libc::ITIMER_PROF, &raw const timer, ptr::null_mut()) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Checks whether a simulated thread that is `running` has made progress: how many
/// `points` were passed. Returns `true` if it is to be stopped.
pub(crate) fn expires(running: bool, points: u64) -> bool {
    let stuck = SEEN.swap(points, Ordering::Relaxed) == points && running;
    if !stuck {
        STUCK.store(0, Ordering::Relaxed);
        return false;
    }
    if STUCK.fetch_add(1, Ordering::Relaxed) > 0 {
        give_up();
    }
    true
}

/// Ends the process.
fn give_up() -> ! {
    const MESSAGE: &[u8] = b"error: the simulated kernel hangs in a call that a driver made\n";
    // SAFETY: the message is in memory, and the function may be called in a handler.
    unsafe { libc::write(libc::STDERR_FILENO, MESSAGE.as_ptr().cast(), MESSAGE.len()) };
    // SAFETY: the function may be called in a handler.
    unsafe { libc::abort() }
}
