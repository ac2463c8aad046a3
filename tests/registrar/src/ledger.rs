// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the registrar remembers only to judge by: who is inside which callback,
//! which calls the modules have under way, and what their structures were.
//!
//! It is fed by the events and decides nothing, so NMR behaves the same without
//! it. Where memory for it runs out it forgets rather than fails.

use alloc::vec::Vec;

use hashbrown::HashMap;
use shared_npi::nmr::abi::STATUS_SUCCESS;

use crate::finding::Moment;
use crate::host::{BindingId, Call, Phase, RegistrationId, Side};
use crate::journal::Journal;

/// A callback that runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    thread: u64,
    pub(crate) call: Call,
    pub(crate) side: Side,
    pub(crate) registration: Option<RegistrationId>,
}

/// One side's use of a binding.
#[derive(Clone, Copy, Debug, Default)]
struct Traffic {
    /// Its calls to the peer that have not ended.
    calls: u32,
    /// Its detach callback has been called.
    detaching: bool,
}

/// Both sides' use of a binding.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    /// The provider has accepted.
    committed: bool,
    sides: [Traffic; 2],
}

/// The memory.
pub(crate) struct Ledger {
    pub(crate) journal: Journal,
    frames: Vec<Frame>,
    bindings: HashMap<BindingId, Use>,
    prints: HashMap<RegistrationId, u64>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            journal: Journal::new(),
            frames: Vec::new(),
            bindings: HashMap::new(),
            prints: HashMap::new(),
        }
    }

    /// Takes note of an event.
    pub(crate) fn note(&mut self, moment: &Moment) {
        let event = moment.event;
        if let Some(binding) = event.binding {
            self.journal.record(*moment);
            self.follow(binding, event.side, event.call, event.phase);
        }
        let callback = matches!(
            event.call,
            Call::AttachCallback | Call::DetachCallback | Call::CleanupCallback
        );
        match event.phase {
            Phase::Enter if callback && self.frames.try_reserve(1).is_ok() => {
                self.frames.push(Frame {
                    thread: moment.thread,
                    call: event.call,
                    side: event.side,
                    registration: event.registration,
                });
            }
            Phase::Leave(_) if callback => {
                let own = |frame: &Frame| frame.thread == moment.thread;
                if let Some(innermost) = self.frames.iter().rposition(own) {
                    self.frames.remove(innermost);
                }
            }
            _ => {}
        }
    }

    fn follow(&mut self, binding: BindingId, side: Side, call: Call, phase: Phase) {
        match (call, phase) {
            (Call::AttachCallback, Phase::Enter)
                if side == Side::Client && self.bindings.try_reserve(1).is_ok() =>
            {
                self.bindings.insert(binding, Use::default());
            }
            (Call::AttachCallback, Phase::Leave(status)) if side == Side::Provider => {
                if let Some(binding) = self.bindings.get_mut(&binding) {
                    binding.committed = status >= STATUS_SUCCESS;
                }
            }
            (Call::DetachCallback, Phase::Enter) => {
                if let Some(binding) = self.bindings.get_mut(&binding) {
                    binding.sides[side as usize].detaching = true;
                }
            }
            _ => {}
        }
    }

    /// A binding is gone.
    pub(crate) fn forget(&mut self, binding: BindingId) {
        self.bindings.remove(&binding);
    }

    /// The callbacks that `thread` is in, outermost first.
    pub(crate) fn frames(&self, thread: u64) -> impl Iterator<Item = &Frame> {
        self.frames
            .iter()
            .filter(move |frame| frame.thread == thread)
    }

    /// The calls of `side` to its peer that have not ended.
    pub(crate) fn calls(&self, binding: BindingId, side: Side) -> u32 {
        self.bindings
            .get(&binding)
            .map_or(0, |binding| binding.sides[side as usize].calls)
    }

    /// `from` calls its peer; answers the rule that this breaks, and how.
    pub(crate) fn call_begins(
        &mut self,
        binding: BindingId,
        from: Side,
    ) -> Option<(u8, &'static str)> {
        let Some(binding) = self.bindings.get_mut(&binding) else {
            return Some((18, "called its peer by a binding that is gone"));
        };
        let traffic = &mut binding.sides[from as usize];
        traffic.calls += 1;
        if traffic.detaching {
            Some((18, "began a call after its detach callback had been called"))
        } else if !binding.committed {
            Some((
                15,
                "called its peer before ProviderAttachClient had returned",
            ))
        } else {
            None
        }
    }

    /// A call of `from` has ended.
    pub(crate) fn call_ends(&mut self, binding: BindingId, from: Side) {
        if let Some(binding) = self.bindings.get_mut(&binding) {
            let calls = &mut binding.sides[from as usize].calls;
            *calls = calls.saturating_sub(1);
        }
    }

    /// Whether a module's structures are as they were when this was last asked.
    pub(crate) fn unchanged(&mut self, registration: RegistrationId, print: u64) -> bool {
        if self.prints.try_reserve(1).is_err() {
            return true;
        }
        self.prints
            .insert(registration, print)
            .is_none_or(|before| before == print)
    }

    /// A registration is gone.
    pub(crate) fn forget_registration(&mut self, registration: RegistrationId) {
        self.prints.remove(&registration);
    }
}
