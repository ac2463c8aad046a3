// SPDX-License-Identifier: MIT OR Apache-2.0

//! Queries of the host: the registered modules, what keeps a deregistration from its
//! end, and whether memory may be freed.

use alloc::vec::Vec;
use core::ops::Range;

use nmr::abi::NPIID;

use crate::host::{BindingId, Event, Host, Lock, RegistrationId, Side};
use crate::ledger::Ledger;
use crate::notify::Subject;
use crate::npis::NpiKey;
use crate::registrar::Registrar;
use crate::snapshot::Snapshot;

/// A registration whose wait has not returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveRegistration {
    /// Its number.
    pub id: RegistrationId,
    /// Its kind.
    pub side: Side,
    /// The address of its attach callback when it registered.
    pub code: usize,
    /// Its NPI.
    pub npi: NPIID,
    /// `NmrDeregister...` has been called.
    pub deregistering: bool,
}

/// What a side of a binding is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Its attach callback has not returned.
    Attaching,
    /// Its detach callback has not been called.
    NotYetDetaching,
    /// Its detach callback has not returned.
    Detaching,
    /// Its detach callback has returned `STATUS_PENDING`.
    Pended,
    /// Its cleanup callback has not returned.
    CleaningUp,
}

/// A side of a binding that a deregistration waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holdup {
    /// The binding.
    pub binding: BindingId,
    /// The side that has not detached.
    pub side: Side,
    /// Its registration.
    pub registration: RegistrationId,
    /// The address of its attach callback.
    pub code: usize,
    /// The registration at the other end.
    pub peer: RegistrationId,
    /// What it is at.
    pub doing: Doing,
    /// The thread on which its callback runs, as [`Host::thread`] numbers them.
    pub thread: Option<u64>,
}

impl<H: Host> Registrar<H> {
    /// Every registration that a driver would leave behind if it went now.
    pub fn live_registrations(&self) -> Vec<LiveRegistration> {
        self.state.with(|state| state.live())
    }

    /// What every deregistration waits for now.
    pub fn holdups(&self) -> Vec<Holdup> {
        self.state.with(|state| state.holdups())
    }

    /// R20: nothing moves any more, so a pending detach that has not been
    /// completed never will be. Answers how many there are.
    pub fn stalled(&self) -> usize {
        let holdups = self.holdups();
        for holdup in holdups
            .iter()
            .filter(|holdup| holdup.doing == Doing::Pended)
        {
            let who = Subject {
                side: holdup.side,
                npi: NpiKey::NIL,
                registration: Some(holdup.registration),
                binding: Some(holdup.binding),
                code: holdup.code,
            };
            self.breach(20, who, format_args!("a pending detach is never completed"));
        }
        holdups.len()
    }

    /// R2, R26: the memory at `memory` is freed.
    pub fn freeing(&self, memory: &Range<usize>) {
        if !H::CHECKED {
            return;
        }
        let registrations = self.ledger.with(|ledger| ledger.registered_in(memory));
        let contexts = self.state.with(|state| state.bound_in(memory));
        for (module, part) in registrations {
            let who = Subject::module(&module);
            self.retire(module.id);
            self.breach(
                2,
                who,
                format_args!(
                    "what the module registered ({part}) is freed before its wait has returned"
                ),
            );
        }
        for (module, binding) in contexts {
            let who = Subject::module(&module).binding(binding);
            self.breach(
                26,
                who,
                format_args!("a binding context is freed before its cleanup callback"),
            );
        }
    }

    /// The events since the last call, the latest [`Host::EVENTS`] of them.
    pub fn take_events(&self) -> Vec<Event> {
        self.ledger.with(Ledger::take_events)
    }

    /// R2: what a module registered is as it was. The registration is held by
    /// a binding or by the caller's wait.
    pub(crate) fn check_unchanged(&self, who: Subject) {
        if let Some(id) = who.registration.filter(|_| H::CHECKED) {
            let remembered = self.ledger.with(|ledger| ledger.snapshot(id).copied());
            self.compare(who, remembered.as_ref());
        }
    }

    /// R2: what a module registered, if that is remembered, is as it was.
    pub(crate) fn compare(&self, who: Subject, remembered: Option<&Snapshot>) {
        if let Some(what) = remembered.and_then(Snapshot::changed)
            && who.registration.is_some_and(|id| self.retire(id))
        {
            self.breach(
                2,
                who,
                format_args!("what the module registered has changed: {what}"),
            );
        }
    }

    /// Has what a module registered looked at no more; true the first time.
    fn retire(&self, registration: RegistrationId) -> bool {
        self.ledger
            .with(|ledger| ledger.snapshot(registration).is_some_and(Snapshot::retire))
    }
}
