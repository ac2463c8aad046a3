// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the registrar remembers only to judge by: the last events, and who is
//! inside which callback.
//!
//! It is fed by the events and decides nothing, so NMR behaves the same without
//! it. Where memory for it runs out it forgets rather than fails.

use alloc::vec::Vec;

use crate::finding::Moment;
use crate::host::{BindingId, Call, Phase, Side};
use crate::journal::Journal;

/// A callback that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    thread: u64,
    pub(crate) call: Call,
    pub(crate) side: Side,
    pub(crate) binding: Option<BindingId>,
}

/// The memory.
pub(crate) struct Ledger {
    pub(crate) journal: Journal,
    frames: Vec<Frame>,
}

impl Ledger {
    pub(crate) const fn new() -> Self {
        Self {
            journal: Journal::new(),
            frames: Vec::new(),
        }
    }

    /// Takes note of an event.
    pub(crate) fn note(&mut self, moment: &Moment) {
        let event = moment.event;
        if event.binding.is_some() {
            self.journal.record(*moment);
        }
        let callback = matches!(
            event.call,
            Call::AttachCallback | Call::DetachCallback | Call::CleanupCallback
        );
        if !callback {
            return;
        }
        let frame = Frame {
            thread: moment.thread,
            call: event.call,
            side: event.side,
            binding: event.binding,
        };
        match event.phase {
            Phase::Enter => {
                if self.frames.try_reserve(1).is_ok() {
                    self.frames.push(frame);
                }
            }
            // Unless there was no memory to note that it began.
            Phase::Leave(_) => {
                if let Some(innermost) = self.frames.iter().rposition(|&noted| noted == frame) {
                    self.frames.remove(innermost);
                }
            }
        }
    }

    /// The offer whose `ClientAttachProvider` is the innermost on `thread`.
    pub(crate) fn offer_on(&self, thread: u64) -> Option<BindingId> {
        self.frames(thread)
            .rfind(|frame| (frame.call, frame.side) == (Call::AttachCallback, Side::Client))?
            .binding
    }

    /// The callbacks that `thread` is in, outermost first.
    pub(crate) fn frames(&self, thread: u64) -> impl DoubleEndedIterator<Item = &Frame> {
        self.frames
            .iter()
            .filter(move |frame| frame.thread == thread)
    }
}
