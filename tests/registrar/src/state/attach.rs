// SPDX-License-Identifier: MIT OR Apache-2.0

//! Attach: from an offer to a binding, or to its refusal.

use core::ffi::c_void;

use nmr::abi::{HANDLE, NPI_REGISTRATION_INSTANCE, NTSTATUS};

use super::register::Next;
use super::{Action, Refusal, State};
use crate::attach::succeeded;
use crate::binding::{DetachState, Phase, Thread};
use crate::handle::{HandleKind, Named};
use crate::host::{BindingId, Side};
use crate::registration::Module;

/// A provider to ask whether it accepts a client.
#[derive(Clone, Copy)]
pub(crate) struct AcceptCall {
    pub(crate) binding: u32,
    pub(crate) id: BindingId,
    pub(crate) handle: HANDLE,
    pub(crate) client: *const NPI_REGISTRATION_INSTANCE,
    pub(crate) provider: Module,
}

/// Who calls `NmrClientAttachProvider`.
#[derive(Clone, Copy)]
pub(crate) struct AttachCaller {
    pub(crate) thread: u64,
    /// The offer whose `ClientAttachProvider` the thread is in, where known.
    pub(crate) inside: Option<BindingId>,
}

/// What comes of an offer.
#[derive(Clone, Copy)]
pub(crate) struct OfferOutcome {
    /// The provider is still being asked, on another thread, which goes on from
    /// there.
    pub(crate) asking: bool,
    /// What `NmrClientAttachProvider` had answered last.
    pub(crate) answer: Option<NTSTATUS>,
    /// The registration whose running `NmrRegister...` learns what to do next only when
    /// the step has been taken.
    pub(crate) after: Option<u32>,
}

impl<C> State<C> {
    /// Begins a `NmrClientAttachProvider`, with `stray` even if it is called
    /// elsewhere than in its own `ClientAttachProvider`: sets `call`.
    pub(crate) fn ask(
        &mut self,
        handle: HANDLE,
        asker: AttachCaller,
        stray: bool,
        call: &mut Option<AcceptCall>,
    ) -> Result<(), Refusal> {
        let kind = HandleKind {
            named: Named::Binding,
            side: Side::Client,
        };
        let slot = self.resolve(handle, kind)?;
        let thread = Some(Thread::new(asker.thread));
        let binding = self.bindings.at_mut(slot);
        if binding.phase != Phase::Offered {
            return Err(Refusal::Rule(8, "after ClientAttachProvider had returned"));
        }
        if binding.end(Side::Client).thread != thread && !stray {
            return Err(Refusal::Rule(
                8,
                "on another thread than ClientAttachProvider",
            ));
        }
        if asker.inside.is_some_and(|inside| inside != binding.id) && !stray {
            return Err(Refusal::Rule(8, "with the handle of another offer"));
        }
        if binding.asking {
            return Err(Refusal::Rule(8, "while ProviderAttachClient runs"));
        }
        if binding.end(Side::Provider).bound() {
            return Err(Refusal::Rule(9, "again after it had succeeded"));
        }
        binding.asking = true;
        binding.end_mut(Side::Provider).thread = thread;
        let (id, [client, provider]) = (binding.id, binding.registrations());
        *call = Some(AcceptCall {
            binding: slot,
            id,
            handle: self.binding_handle(slot, Side::Provider),
            client: self.registrations.at(client).module.instance,
            provider: self.registrations.at(provider).module,
        });
        Ok(())
    }

    /// `ProviderAttachClient` has returned; `contexts` are there if it accepted.
    /// Sets `unheard` to what a client has returned that did not wait for it.
    pub(crate) fn answered(
        &mut self,
        slot: u32,
        status: NTSTATUS,
        contexts: Option<[*mut c_void; 2]>,
        unheard: &mut Option<(Module, NTSTATUS)>,
        step: &mut Action<C>,
    ) {
        let binding = self.bindings.at_mut(slot);
        binding.asking = false;
        binding.answer = Some(status);
        binding.end_mut(Side::Provider).thread = None;
        if contexts.is_none() {
            // No detach will come of this answer; the client may ask again.
            binding.end_mut(Side::Provider).reported = None;
        }
        if let Some([client, provider]) = contexts {
            binding.end_mut(Side::Client).context = client;
            binding.end_mut(Side::Provider).context = provider;
            binding.end_mut(Side::Provider).detach_state = DetachState::Attached;
        }
        if let Some(status) = binding.unheard.take() {
            *unheard = Some((*self.module(slot, Side::Client), status));
            self.attach(slot, succeeded(status), step);
        }
    }

    /// Ends the offer of a binding whose `ClientAttachProvider` has returned
    /// `status` on this thread.
    pub(crate) fn settle(
        &mut self,
        slot: u32,
        status: NTSTATUS,
        thread: u64,
        step: &mut Action<C>,
        next: &mut Next<C>,
    ) -> OfferOutcome {
        let binding = self.bindings.at_mut(slot);
        binding.end_mut(Side::Client).thread = None;
        let (asking, answer) = (binding.asking, binding.answer);
        let registering = binding.end(binding.made_by).registration;
        if asking {
            binding.unheard = Some(status);
        } else {
            self.attach(slot, succeeded(status), step);
        }
        let after = matches!(step, Action::Begin(_)).then_some(registering);
        if after.is_none() {
            self.next_offer(registering, thread, next);
        }
        OfferOutcome {
            asking,
            answer,
            after,
        }
    }

    fn attach(&mut self, slot: u32, client_agreed: bool, step: &mut Action<C>) {
        let binding = self.bindings.at_mut(slot);
        if !binding.end(Side::Provider).bound() {
            return self.release(slot, step);
        }
        if client_agreed {
            binding.end_mut(Side::Client).detach_state = DetachState::Attached;
        }
        let [client, provider] = binding.registrations();
        let late = self.registrations.at(client).deregistering
            || self.registrations.at(provider).deregistering;
        if late || !client_agreed {
            binding.phase = Phase::Claimed;
            *step = Action::Begin(slot);
        } else {
            binding.phase = Phase::Attached;
        }
    }
}
