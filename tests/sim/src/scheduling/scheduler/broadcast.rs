// SPDX-License-Identifier: MIT OR Apache-2.0

//! Interrupts of all processors at once: no other thread runs until each processor has handled
//! its interrupt.

use super::Scheduler;
use crate::hardware::irql::IPI_LEVEL;
use crate::scheduling::clocks::Sync;
use crate::scheduling::thread::ThreadId;

impl Scheduler {
    /// Begins an interrupt of all processors by the current thread, which is at `IPI_LEVEL`.
    /// Returns the numbers of the other processors.
    pub(crate) fn begin_broadcast(&mut self) -> Vec<usize> {
        let own = self.processor() as usize;
        self.broadcast = Some(vec![self.current]);
        let others = (0..self.processors()).filter(|number| *number != own);
        let others = others.collect();
        // The interrupted code is ordered before the interrupts.
        for thread in 0..self.threads().len() {
            self.clocks.release(ThreadId(thread), Sync::Broadcast);
        }
        self.acquire(Sync::Broadcast);
        others
    }

    /// Makes a thread, which has not run yet, handle the interrupt of a processor.
    pub(crate) fn interrupt(&mut self, id: ThreadId, processor: usize) {
        let thread = self.thread_mut(id);
        thread.set_irql(IPI_LEVEL);
        thread.processor = Some(processor);
        thread.ends_before = Sync::Broadcast;
        let handlers = self.broadcast.as_mut();
        handlers.expect("a broadcast has begun").push(id.0);
    }

    /// Ends an interrupt, which all processors have handled.
    pub(crate) fn end_broadcast(&mut self) {
        self.broadcast = None;
        self.release(Sync::Broadcast);
        for index in 0..self.live.len() {
            let thread = ThreadId(self.live[index]);
            self.clocks.acquire(thread, Sync::Broadcast);
        }
    }
}
