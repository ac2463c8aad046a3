// SPDX-License-Identifier: MIT OR Apache-2.0

//! Ctrl-C: ends a session in the normal way, which removes the machine.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Makes signals that would end this process only set a flag.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // If there is a handler already, the signal ends the process and the machine.
        let _ = ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed));
    });
}

/// Returns `true` if the user has pressed Ctrl-C.
#[must_use]
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}
