// SPDX-License-Identifier: MIT OR Apache-2.0

//! From an offer to an attached binding, or to none.

use core::ffi::c_void;

use shared_npi::nmr::abi::{HANDLE, NTSTATUS};

use super::register::Next;
use super::{Refusal, State, Step};
use crate::binding::{Phase, Stand};
use crate::characteristics::Characteristics;
use crate::handle::{Kind, Named};
use crate::host::{BindingId, Side};
use crate::registration::Module;

/// How R8 is broken by a `NmrClientAttachProvider` on the wrong thread.
pub(crate) const ELSEWHERE: &str = "on another thread than ClientAttachProvider";

/// A provider to ask whether it accepts a client.
#[derive(Clone, Copy)]
pub(crate) struct Ask {
    /// It was not the offering thread that asked.
    pub(crate) elsewhere: bool,
    pub(crate) binding: u32,
    pub(crate) id: BindingId,
    pub(crate) handle: HANDLE,
    pub(crate) client: Characteristics,
    pub(crate) provider: Module,
}

/// What comes of an offer.
pub(crate) struct Settled<C> {
    /// What `NmrClientAttachProvider` had answered last.
    pub(crate) answer: Option<NTSTATUS>,
    pub(crate) step: Step<C>,
    pub(crate) next: Follow<C>,
}

/// When the running `NmrRegister...` learns what to do next.
pub(crate) enum Follow<C> {
    Now(Next<C>),
    /// Once the step has been taken, for the registration in this slot.
    After(u32),
}

impl<C> State<C> {
    /// Begins a `NmrClientAttachProvider` on `thread`.
    pub(crate) fn ask(
        &mut self,
        handle: HANDLE,
        thread: u64,
        any_thread: bool,
    ) -> Result<Ask, Refusal> {
        let kind = Kind {
            named: Named::Binding,
            side: Side::Client,
        };
        let slot = self.resolve(handle, kind)?;
        let binding = self.bindings.at_mut(slot);
        if binding.phase != Phase::Offered {
            return Err(Refusal::Rule(8, "after ClientAttachProvider had returned"));
        }
        let elsewhere = binding.thread != thread;
        if elsewhere && !any_thread {
            return Err(Refusal::Rule(8, ELSEWHERE));
        }
        if binding.asking {
            return Err(Refusal::Rule(8, "inside ProviderAttachClient"));
        }
        if binding.end(Side::Provider).bound() {
            return Err(Refusal::Rule(9, "again after it had succeeded"));
        }
        binding.asking = true;
        Ok(Ask {
            elsewhere,
            binding: slot,
            id: binding.id,
            handle: self.binding_handle(slot, Side::Provider),
            client: self.module(slot, Side::Client).characteristics,
            provider: self.module(slot, Side::Provider),
        })
    }

    /// `ProviderAttachClient` has returned; `contexts` are there if it accepted.
    pub(crate) fn answered(
        &mut self,
        slot: u32,
        status: NTSTATUS,
        contexts: Option<[*mut c_void; 2]>,
    ) {
        let binding = self.bindings.at_mut(slot);
        binding.asking = false;
        binding.answer = Some(status);
        if let Some([client, provider]) = contexts {
            binding.end_mut(Side::Client).context = client;
            binding.end_mut(Side::Provider).context = provider;
            binding.end_mut(Side::Provider).stand = Stand::In;
        }
    }

    /// Ends the offer of a binding whose `ClientAttachProvider` has returned.
    pub(crate) fn settle(&mut self, slot: u32, client_agreed: bool) -> Settled<C> {
        let binding = self.bindings.at(slot);
        let (answer, thread) = (binding.answer, binding.thread);
        let registering = binding.end(binding.made_by).registration;
        let step = self.attach(slot, client_agreed);
        let next = match step {
            Step::Begin(_) => Follow::After(registering),
            _ => Follow::Now(self.next_offer(registering, thread)),
        };
        Settled { answer, step, next }
    }

    fn attach(&mut self, slot: u32, client_agreed: bool) -> Step<C> {
        let binding = self.bindings.at_mut(slot);
        if !binding.end(Side::Provider).bound() {
            return self.release(slot);
        }
        if client_agreed {
            binding.end_mut(Side::Client).stand = Stand::In;
        }
        binding.phase = Phase::Attached;
        let late = [Side::Client, Side::Provider].into_iter().any(|side| {
            let registration = self.bindings.at(slot).end(side).registration;
            self.registrations.at(registration).deregistering
        });
        if late || !client_agreed {
            self.bindings.at_mut(slot).phase = Phase::Claimed;
            return Step::Begin(slot);
        }
        Step::Rest
    }
}
