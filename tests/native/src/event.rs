// SPDX-License-Identifier: MIT OR Apache-2.0

//! Notification events.

use core::fmt;

use crate::kevent::{EventType, Kevent};

/// A notification event.
pub struct Event(Kevent);

impl Event {
    /// An event that is not set.
    #[must_use]
    pub fn new() -> Self {
        Self(Kevent::new(EventType::Notification, false))
    }

    /// Sets the event; it stays set. IRQL <= `DISPATCH_LEVEL`.
    pub fn set(&self) {
        self.0.set();
    }

    /// Waits until the event is set. IRQL <= `APC_LEVEL`.
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
