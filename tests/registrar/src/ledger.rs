// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the registrar keeps only to check rules: the latest events, the callbacks that
//! each thread is in, and what each module registered.
//!
//! It is fed by the events. NMR works alike without it, but for a stray
//! `NmrClientAttachProvider`, which it may refuse. If its memory runs out, it forgets
//! instead of failing.

use alloc::vec::Vec;
use core::ops::Range;

use hashbrown::HashMap;
use nmr::abi::{GUID, NPIID};

use crate::finding::Moment;
use crate::host::{BindingId, Call, Event, Phase, RegistrationId, Side};
use crate::journal::Journal;
use crate::registration::Module;
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

/// The memory.
pub(crate) struct Ledger {
    pub(crate) journal: Journal,
    frames: Vec<Frame>,
    modules: HashMap<RegistrationId, (Module, Snapshot)>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            journal: Journal::new(),
            frames: Vec::new(),
            modules: HashMap::new(),
        }
    }

    /// Records an event, and adds its NPI.
    pub(crate) fn note(&mut self, moment: &mut Moment) {
        let registration = moment.event.registration;
        moment.event.npi = registration.and_then(|id| self.npi(id));
        if moment.event.binding.is_some() {
            self.journal.record(moment);
        }
        if moment.event.call.is_callback() {
            self.note_frame(moment.thread, &moment.event);
        }
    }

    /// A callback begins or ends.
    fn note_frame(&mut self, thread: u64, event: &Event) {
        let frame = Frame {
            thread,
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

    /// A module has registered.
    pub(crate) fn remember(&mut self, module: Module, snapshot: Snapshot) {
        if self.modules.try_reserve(1).is_ok() {
            self.modules.insert(module.id, (module, snapshot));
        }
    }

    /// A registration is gone.
    pub(crate) fn forget(&mut self, registration: RegistrationId) {
        self.modules.remove(&registration);
    }

    /// Its NPI.
    pub(crate) fn npi(&self, registration: RegistrationId) -> Option<NPIID> {
        let (module, _) = self.modules.get(&registration)?;
        Some(module.npi.into())
    }

    /// Its `ModuleId`, if that was a GUID.
    pub(crate) fn name(&self, registration: RegistrationId) -> Option<GUID> {
        let (_, snapshot) = self.modules.get(&registration)?;
        snapshot.name()
    }

    /// What it had registered.
    pub(crate) fn snapshot(&mut self, registration: RegistrationId) -> Option<&mut Snapshot> {
        let (_, snapshot) = self.modules.get_mut(&registration)?;
        Some(snapshot)
    }

    /// The modules with something they registered in `memory`, and what it is.
    pub(crate) fn registered_in(&self, memory: &Range<usize>) -> Vec<(Module, &'static str)> {
        self.modules
            .values()
            .filter_map(|(module, snapshot)| Some((*module, snapshot.part_in(memory)?)))
            .collect()
    }
}
