// SPDX-License-Identifier: MIT OR Apache-2.0

//! One after the other, however long it takes.

use core::fmt;

use crate::kevent::{Kevent, Kind};

/// A lock that threads wait for, and that may be held while they block: a
/// synchronization event, set when nobody has it.
pub struct Turn(Kevent);

impl Turn {
    /// One that nobody has.
    #[must_use]
    pub fn new() -> Self {
        Self(Kevent::new(Kind::Synchronization, true))
    }

    /// Returns once it is this thread's. IRQL <= `APC_LEVEL`.
    pub fn take(&self) {
        self.0.wait();
    }

    /// Gives it to whoever waits. IRQL <= `DISPATCH_LEVEL`.
    pub fn give_back(&self) {
        self.0.set();
    }
}

impl Default for Turn {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").finish_non_exhaustive()
    }
}
