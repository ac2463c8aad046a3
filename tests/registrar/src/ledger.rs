// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the registrar keeps only to check rules: the latest events, the callbacks that
//! each thread is in, and what each module registered.
//!
//! It is fed by the events. NMR works alike without it, but for a stray
//! `NmrClientAttachProvider`, which it may refuse. If its memory runs out, it forgets
//! instead of failing.

use alloc::vec::Vec;
use core::ops::Range;

use hashbrown::HashTable;
use nmr::abi::GUID;

use crate::finding::Moment;
use crate::host::{BindingId, Call, Event, Phase, RegistrationId, Side};
use crate::notify::Subject;
use crate::record::Record;
use crate::registration::Module;
use crate::ring::Ring;
use crate::snapshot::Snapshot;

/// A callback that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    thread: u64,
    pub(crate) call: Call,
    pub(crate) side: Side,
    pub(crate) binding: Option<BindingId>,
}

// SAFETY: the pointers in it are the modules' and are only followed to compare
// what lies behind them.
unsafe impl Send for Ledger {}

/// What a module registered.
struct Entry {
    module: Module,
    snapshot: Snapshot,
}

impl Entry {
    /// The numbers of registrations are consecutive: spread over all bits.
    const fn hash(id: RegistrationId) -> u64 {
        id.0.get().wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// The memory.
pub(crate) struct Ledger {
    journal: Ring<Record>,
    frames: Vec<Frame>,
    modules: HashTable<Entry>,
}

impl Ledger {
    /// One that remembers that many events.
    pub(crate) const fn new(events: usize) -> Self {
        Self {
            journal: Ring::new(events),
            frames: Vec::new(),
            modules: HashTable::new(),
        }
    }

    /// Records an event, at this time or under its number.
    pub(crate) fn note(
        &mut self,
        (time, thread): (Option<u64>, u64),
        call: Call,
        phase: Phase,
        who: &Subject,
    ) {
        let time = time.unwrap_or_else(|| self.journal.count() + 1);
        let record = || Record::new(time, thread, call, phase, who);
        self.journal.record(record);
        if call.is_callback() {
            let frame = Frame {
                thread,
                call,
                side: who.side,
                binding: who.binding,
            };
            self.note_frame(frame, phase);
        }
    }

    /// A callback begins or ends.
    fn note_frame(&mut self, frame: Frame, phase: Phase) {
        match phase {
            Phase::Enter => {
                if self.frames.try_reserve(1).is_ok() {
                    self.frames.push(frame);
                }
            }
            // Unless there was no memory to note that it began.
            Phase::Leave(_) => {
                if self.frames.last() == Some(&frame) {
                    self.frames.pop();
                } else if let Some(inner) = self.frames.iter().rposition(|&noted| noted == frame) {
                    self.frames.remove(inner);
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

    /// A module has registered.
    pub(crate) fn remember(&mut self, module: Module, snapshot: Snapshot) {
        let hash = |entry: &Entry| Entry::hash(entry.module.id);
        if self.modules.try_reserve(1, hash).is_ok() {
            let entry = Entry { module, snapshot };
            self.modules.insert_unique(hash(&entry), entry, hash);
        }
    }

    /// A registration is gone.
    pub(crate) fn forget(&mut self, registration: RegistrationId) {
        let hash = Entry::hash(registration);
        let same = |entry: &Entry| entry.module.id == registration;
        if let Ok(entry) = self.modules.find_entry(hash, same) {
            entry.remove();
        }
    }

    fn entry(&self, registration: RegistrationId) -> Option<&Entry> {
        let hash = Entry::hash(registration);
        self.modules
            .find(hash, |entry| entry.module.id == registration)
    }

    /// The events since the last call, as far as they are remembered, oldest first.
    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        self.journal
            .take()
            .map(|record| record.moment().event)
            .collect()
    }

    /// What is remembered of `binding`, oldest first.
    pub(crate) fn history(&self, binding: BindingId) -> Vec<Moment> {
        self.journal
            .iter()
            .filter(|record| record.binding() == Some(binding))
            .map(Record::moment)
            .collect()
    }

    /// Its `ModuleId`, if that was a GUID.
    pub(crate) fn name(&self, registration: RegistrationId) -> Option<GUID> {
        self.entry(registration)?.snapshot.name()
    }

    /// What it had registered.
    pub(crate) fn snapshot(&mut self, registration: RegistrationId) -> Option<&mut Snapshot> {
        let hash = Entry::hash(registration);
        let same = |entry: &Entry| entry.module.id == registration;
        Some(&mut self.modules.find_mut(hash, same)?.snapshot)
    }

    /// The modules with something they registered in `memory`, and what it is.
    pub(crate) fn registered_in(&self, memory: &Range<usize>) -> Vec<(Module, &'static str)> {
        self.modules
            .iter()
            .filter_map(|entry| Some((entry.module, entry.snapshot.part_in(memory)?)))
            .collect()
    }
}
