// SPDX-License-Identifier: MIT OR Apache-2.0

//! Deregistration: the end of a registration and of each of its bindings.

use core::ffi::c_void;
use core::ptr;

use nmr::abi::{HANDLE, NTSTATUS, STATUS_PENDING, STATUS_SUCCESS};

use super::{Action, Call, Entry, Refusal, State, WaitToEnd, wake};
use crate::binding::{Binding, DetachOrder, DetachState, Move, Phase, Thread};
use crate::characteristics::CleanupFn;
use crate::handle::{HandleKind, Named};
use crate::host::Side;
use crate::registration::{Module, Registration, WaitObject};
use crate::slab::{NONE, Slab};

/// When a `DetachComplete` function was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completed {
    /// After the detach had begun.
    InTime,
    /// Before: it counts once the detach callback has returned.
    BeforeDetach,
    /// Before there was a binding: if there will be one, as before its detach.
    BeforeAttach,
}

/// What a `NmrDeregister...` has to do.
#[derive(Clone, Copy)]
pub(crate) struct Deregistration {
    /// The registration.
    pub(crate) own: u32,
    /// The next binding to detach.
    pub(crate) next: u32,
}

impl<C> State<C> {
    /// Begins to deregister: drops what is queued, claims what is attached, and
    /// begins the detach of the first such binding by `plan`. With `hold` the
    /// registration is not complete before [`deregistered`](Self::deregistered).
    pub(crate) fn deregister(
        &mut self,
        handle: HANDLE,
        side: Side,
        plan: DetachOrder,
        hold: bool,
        entry: Entry,
        step: &mut Action<C>,
    ) -> Result<Deregistration, Refusal> {
        let named = Named::Registration;
        let own = self.resolve(handle, HandleKind { named, side })?;
        let registration = self.registrations.at_mut(own);
        if registration.deregistering {
            return Err(Refusal::Rule(23, "again"));
        }
        let npi = registration.npi;
        registration.deregistering = true;
        registration.busy += u8::from(hold);
        let mut slot = registration.bindings.first;

        self.npis.leave(npi, side, &mut self.registrations, own);

        let (mut first, mut last) = (NONE, NONE);
        while slot != NONE {
            let binding = self.bindings.at_mut(slot);
            let after = binding.end(side).links.after;
            match binding.phase {
                Phase::Queued => {
                    // Nobody can be waiting for either registration yet.
                    self.release(slot, &mut Action::Rest);
                }
                Phase::Attached => {
                    binding.phase = Phase::Claimed;
                    match last {
                        NONE => first = slot,
                        last => self.bindings.at_mut(last).next_to_detach = slot,
                    }
                    last = slot;
                }
                _ => {}
            }
            slot = after;
        }
        let next = match first {
            NONE => NONE,
            first => self.begin_detach(first, plan, entry, step),
        };

        Ok(Deregistration { own, next })
    }

    /// Begins the detach of a binding that the caller has claimed. Returns
    /// also the next one that it has.
    pub(crate) fn begin_detach(
        &mut self,
        slot: u32,
        plan: DetachOrder,
        entry: Entry,
        step: &mut Action<C>,
    ) -> u32 {
        let binding = self.bindings.at_mut(slot);
        binding.plan = plan;
        binding.phase = Phase::Detaching;
        let next = binding.next_to_detach;
        self.advance(slot, entry, step);
        next
    }

    /// A detach callback is called now, on this thread.
    pub(crate) fn detach_entered(&mut self, slot: u32, side: Side, thread: Thread) {
        self.bindings.at_mut(slot).detach_entered(side, thread);
    }

    /// A detach callback has returned. Returns `true` if its side had reported
    /// that a pending detach was over.
    pub(crate) fn detach_returned(
        &mut self,
        slot: u32,
        side: Side,
        status: NTSTATUS,
        entry: Entry,
        step: &mut Action<C>,
    ) -> bool {
        let end = self.bindings.at_mut(slot).end_mut(side);
        end.thread = None;
        end.detach_state = if status == STATUS_PENDING {
            DetachState::Pended
        } else {
            DetachState::Returned
        };
        let reported = end.reported.is_some();
        self.advance(slot, entry, step);
        reported
    }

    /// A side says that its pending detach is over.
    pub(crate) fn detach_complete(
        &mut self,
        handle: HANDLE,
        side: Side,
        entry: Entry,
        step: &mut Action<C>,
    ) -> Result<Completed, Refusal> {
        let named = Named::Binding;
        let slot = self.resolve(handle, HandleKind { named, side })?;
        let binding = self.bindings.at_mut(slot);
        let accepted = binding.end(Side::Provider).bound();
        let answers = accepted || side == Side::Client || binding.asking;
        let attaching = binding.phase == Phase::Offered && answers;
        let end = binding.end_mut(side);
        if !end.bound() && !attaching {
            return Err(Refusal::Rule(20, "for a binding that is not attached"));
        }
        if end.reported.is_some() {
            return Err(Refusal::Rule(20, "twice"));
        }
        if end.detach_state == DetachState::Returned {
            return Err(Refusal::Rule(
                20,
                "though the detach callback had returned STATUS_SUCCESS",
            ));
        }
        let completed = match end.detach_state {
            DetachState::NotAttached if !accepted => Completed::BeforeAttach,
            DetachState::NotAttached | DetachState::Attached => Completed::BeforeDetach,
            _ => Completed::InTime,
        };
        end.reported = Some(end.detach_state);
        self.advance(slot, entry, step);
        Ok(completed)
    }

    /// The cleanup callbacks have returned.
    pub(crate) fn cleaned(&mut self, slot: u32, step: &mut Action<C>) {
        let binding = self.bindings.at_mut(slot);
        binding.phase = Phase::Cleaned;
        binding.cleaner = None;
        // A cleanup is the last callback.
        self.advance(slot, Entry::Later, step);
    }

    fn advance(&mut self, slot: u32, entry: Entry, step: &mut Action<C>) {
        let binding = self.bindings.at_mut(slot);
        match binding.advance() {
            Move::Rest => *step = Action::Rest,
            Move::Detach(side) => {
                if let Entry::Now(thread) = entry {
                    binding.detach_entered(side, thread);
                }
                let (module, context) = self.registrations.of(binding, side);
                *step = Action::Detach(Call {
                    binding: slot,
                    side,
                    id: binding.id,
                    registration: module.id,
                    npi: module.npi,
                    callback: module.callbacks.detach,
                    context,
                });
            }
            Move::CleanUp => {
                let client = self
                    .registrations
                    .clean_up(slot, binding, Side::Client, entry);
                let provider = self
                    .registrations
                    .clean_up(slot, binding, Side::Provider, entry);
                *step = Action::CleanUp(slot, [client, provider]);
            }
            Move::Release => self.release(slot, step),
        }
    }

    /// A side has its context back: its cleanup begins, on this thread.
    pub(crate) fn cleanup_entered(&mut self, slot: u32, side: Side, thread: Thread) {
        self.bindings.at_mut(slot).cleanup_entered(side, thread);
    }

    /// Ends a `NmrDeregister...` that held its registration: if nothing is left
    /// of that, it is gone at once.
    pub(crate) fn deregistered(
        &mut self,
        own: u32,
    ) -> (NTSTATUS, Option<WaitToEnd<C>>, Option<WaitObject<C>>) {
        let registration = self.registrations.at_mut(own);
        registration.busy -= 1;
        if registration.complete() && registration.waiting == 0 {
            return (STATUS_SUCCESS, None, self.end(own, true));
        }
        (STATUS_PENDING, wake(registration, own), None)
    }
}

impl<C> Slab<Registration<C>> {
    /// The module at a side of a binding, and its context.
    fn of(&self, binding: &Binding, side: Side) -> (&Module, *mut c_void) {
        let end = binding.end(side);
        (&self.at(end.registration).module, end.context)
    }

    /// The cleanup that is due to a side. One without a callback has its context
    /// back now.
    fn clean_up(
        &self,
        slot: u32,
        binding: &mut Binding,
        side: Side,
        entry: Entry,
    ) -> Option<Call<CleanupFn>> {
        if !binding.end(side).bound() {
            return None;
        }
        let (module, context) = self.of(binding, side);
        let Some(callback) = module.callbacks.cleanup else {
            binding.end_mut(side).context = ptr::null_mut();
            return None;
        };
        if let Entry::Now(thread) = entry {
            binding.cleanup_entered(side, thread);
        }
        Some(Call {
            binding: slot,
            side,
            id: binding.id,
            registration: module.id,
            npi: module.npi,
            callback,
            context,
        })
    }
}
