// SPDX-License-Identifier: MIT OR Apache-2.0

//! A lock that may be held while blocking.

use core::fmt;

use crate::kevent::{EventType, Kevent};

/// A lock whose holder may block: a synchronization event that is set while the lock is
/// free.
pub struct BlockingLock(Kevent);

impl BlockingLock {
    /// A free lock.
    #[must_use]
    pub fn new() -> Self {
        Self(Kevent::new(EventType::Synchronization, true))
    }

    /// Waits for the lock and acquires it. IRQL <= `APC_LEVEL`.
    pub fn acquire(&self) {
        self.0.wait();
    }

    /// Releases the lock. IRQL <= `DISPATCH_LEVEL`.
    pub fn release(&self) {
        self.0.set();
    }
}

impl Default for BlockingLock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for BlockingLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingLock").finish_non_exhaustive()
    }
}
