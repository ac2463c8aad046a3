// SPDX-License-Identifier: MIT OR Apache-2.0

//! A door that opens once.

use core::fmt;

use crate::kevent::{Kevent, Kind};

/// A notification event.
pub struct Event(Kevent);

impl Event {
    /// One that is not set.
    #[must_use]
    pub fn new() -> Self {
        Self(Kevent::new(Kind::Notification, false))
    }

    /// Sets it for good. IRQL <= `DISPATCH_LEVEL`.
    pub fn set(&self) {
        self.0.set();
    }

    /// Returns once it is set. IRQL <= `APC_LEVEL`.
    pub fn wait(&self) {
        self.0.wait();
    }
}

impl Default for Event {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").finish_non_exhaustive()
    }
}
