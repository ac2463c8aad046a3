// SPDX-License-Identifier: MIT OR Apache-2.0

//! Detects a hung cycle.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// A thread that expects a new cycle in time.
#[derive(Debug)]
pub(crate) struct Watchdog(Sender<u64>);

impl Watchdog {
    /// Starts a watchdog that calls `on_hang` with the number of a cycle that did not end
    /// within `patience`. The run cannot go on after that: some of its threads never return.
    pub(crate) fn start(patience: Duration, on_hang: impl FnOnce(u64) + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut cycle = None;
            loop {
                cycle = match (receiver.recv_timeout(patience), cycle) {
                    (Ok(begun), _) => Some(begun),
                    (Err(RecvTimeoutError::Timeout), Some(begun)) => return on_hang(begun),
                    (Err(RecvTimeoutError::Timeout), None) => None,
                    (Err(RecvTimeoutError::Disconnected), _) => return,
                };
            }
        });
        Self(sender)
    }

    /// A cycle begins.
    pub(crate) fn begin(&self, cycle: u64) {
        // The watchdog has ended: it has reported a hang.
        let _ = self.0.send(cycle);
    }
}
