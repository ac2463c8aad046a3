// SPDX-License-Identifier: MIT OR Apache-2.0

//! Ends a run in which nothing moves any more.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// Waits for a sign of life now and then.
#[derive(Debug)]
pub(crate) struct Watchdog(Sender<u64>);

impl Watchdog {
    /// One that calls `bark` with the number of the cycle that has begun and not
    /// ended within `patience`. A run cannot go on after that: some of its
    /// threads wait for ever.
    pub(crate) fn start(patience: Duration, bark: impl FnOnce(u64) + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut cycle = None;
            loop {
                cycle = match (receiver.recv_timeout(patience), cycle) {
                    (Ok(begun), _) => Some(begun),
                    (Err(RecvTimeoutError::Timeout), Some(begun)) => return bark(begun),
                    (Err(RecvTimeoutError::Timeout), None) => None,
                    (Err(RecvTimeoutError::Disconnected), _) => return,
                };
            }
        });
        Self(sender)
    }

    /// A cycle begins.
    pub(crate) fn begin(&self, cycle: u64) {
        // Without a watchdog there is nobody to tell.
        let _ = self.0.send(cycle);
    }
}
