// SPDX-License-Identifier: MIT OR Apache-2.0

//! Registration: entering a module, and the queue of its offers.

use core::ffi::c_void;
use core::ptr::NonNull;

use nmr::abi::{HANDLE, NPI_REGISTRATION_INSTANCE};

use super::{Ends, State, WaitToEnd, wake};
use crate::binding::{Binding, Phase, Thread};
use crate::characteristics::{Attach, Callbacks};
use crate::handle::{self, HandleKind, Named};
use crate::host::{BindingId, RegistrationId, Side};
use crate::list::{Links, List};
use crate::npis::NpiKey;
use crate::registration::{Module, Registration, WaitObject};
use crate::slab::{Exhausted, NONE};

/// A registration in the making.
#[derive(Clone, Copy)]
pub(crate) struct NewRegistration {
    pub(crate) instance: *const NPI_REGISTRATION_INSTANCE,
    pub(crate) callbacks: Callbacks,
    pub(crate) context: *mut c_void,
    pub(crate) npi: NpiKey,
    /// Peers that registered last are offered first.
    pub(crate) newest_first: bool,
}

/// What a registration cannot be entered without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    /// A wait object: its slot has none that is unused.
    WaitObject,
    /// Memory.
    Memory,
}

impl From<Exhausted> for Lack {
    fn from(_: Exhausted) -> Self {
        Self::Memory
    }
}

/// A registration that has been entered.
#[derive(Clone, Copy)]
pub(crate) struct Registered {
    pub(crate) id: RegistrationId,
    pub(crate) handle: HANDLE,
}

/// What to do next in a `NmrRegister...`, written where it is read as an [`Action`] is.
pub(crate) enum Next<C> {
    Offer(Offer),
    Return(Option<WaitToEnd<C>>),
}

/// A binding to offer to its client.
pub(crate) struct Offer {
    pub(crate) binding: u32,
    pub(crate) id: BindingId,
    pub(crate) handle: HANDLE,
    pub(crate) client: RegistrationId,
    pub(crate) npi: NpiKey,
    /// The client's `ClientAttachProvider`.
    pub(crate) callback: Attach,
    pub(crate) context: *mut c_void,
    pub(crate) provider: *const NPI_REGISTRATION_INSTANCE,
}

impl<C> State<C> {
    /// Enters a registration, with a queued binding for every peer. On failure
    /// nothing has changed. Takes `wait_object` if it is needed, and sets `next`.
    pub(crate) fn register(
        &mut self,
        applicant: &NewRegistration,
        wait_object: &mut Option<WaitObject<C>>,
        thread: u64,
        next: &mut Next<C>,
    ) -> Result<Registered, Lack> {
        let &NewRegistration {
            instance,
            callbacks,
            context,
            npi: npi_key,
            newest_first,
        } = applicant;
        let side = callbacks.attach.side();
        let npi = self.npis.find(npi_key)?;
        let peers = self.npis.members(npi, side.peer());
        self.bindings.reserve(peers.count)?;
        let wait_object = self.reserve_registration(wait_object)?;

        let id = RegistrationId(self.next_registration);
        self.next_registration = self.next_registration.saturating_add(1);
        let key = self.registrations.insert(Registration {
            module: Module {
                id,
                npi: npi_key,
                instance,
                callbacks,
                context,
            },
            npi,
            links: Links::LOOSE,
            bindings: List::EMPTY,
            deregistering: false,
            busy: 1,
            waited: false,
            waiters: 0,
            waiting: 0,
            wait_object,
            signalled: false,
        });
        let named = Named::Registration;
        let handle = handle::encode(HandleKind { named, side }, key);
        self.npis.join(npi, side, &mut self.registrations, key.slot);

        let mut peer = peers.list.first;
        while peer != NONE {
            self.queue(side, key.slot, peer, newest_first);
            peer = self.registrations.at(peer).links.after;
        }
        self.next_offer(key.slot, thread, next);
        Ok(Registered { id, handle })
    }

    /// Makes room for a registration. Returns the wait object of the slot that it will
    /// have, which is `offered` if the slot has none.
    fn reserve_registration(
        &mut self,
        offered: &mut Option<WaitObject<C>>,
    ) -> Result<NonNull<C>, Lack> {
        self.registrations.reserve(1)?;
        let slot = self.registrations.next_slot() as usize;
        if slot >= self.wait_objects.len() {
            let more = slot + 1 - self.wait_objects.len();
            let room = self.wait_objects.try_reserve(more);
            room.map_err(|_| Lack::Memory)?;
            self.wait_objects.resize_with(slot + 1, || None);
        }
        let wait_object = &mut self.wait_objects[slot];
        if wait_object.is_none() {
            *wait_object = offered.take();
        }
        let wait_object = wait_object.as_ref().ok_or(Lack::WaitObject)?;
        Ok(wait_object.address())
    }

    fn queue(&mut self, side: Side, own: u32, peer: u32, newest_first: bool) {
        let (client, provider) = match side {
            Side::Client => (own, peer),
            Side::Provider => (peer, own),
        };
        let binding = self
            .bindings
            .insert(Binding::new(side, client, provider))
            .slot;
        let bindings = &mut self.bindings;
        let list = &mut self.registrations.at_mut(own).bindings;
        if newest_first {
            list.push_front(&mut Ends(bindings, side), binding);
        } else {
            list.push_back(&mut Ends(bindings, side), binding);
        }
        self.registrations
            .at_mut(peer)
            .bindings
            .push_back(&mut Ends(bindings, side.peer()), binding);
    }

    /// The next binding that the running `NmrRegister...` of `own` has to offer.
    /// Those it made are at the front of the list until they are offered.
    pub(crate) fn next_offer(&mut self, own: u32, thread: u64, next: &mut Next<C>) {
        let registration = self.registrations.at_mut(own);
        let side = registration.module.side();
        let slot = registration.bindings.first;
        if slot != NONE {
            let binding = self.bindings.at_mut(slot);
            if binding.phase == Phase::Queued && binding.made_by == side {
                binding.id = BindingId(self.next_binding);
                self.next_binding = self.next_binding.saturating_add(1);
                binding.phase = Phase::Offered;
                binding.end_mut(Side::Client).thread = Some(Thread::new(thread));
                let (id, [client, provider]) = (binding.id, binding.registrations());
                let ends = &mut Ends(&mut self.bindings, side);
                registration.bindings.move_to_back(ends, slot);
                let client = &self.registrations.at(client).module;
                *next = Next::Offer(Offer {
                    binding: slot,
                    id,
                    handle: self.binding_handle(slot, Side::Client),
                    client: client.id,
                    npi: client.npi,
                    callback: client.callbacks.attach,
                    context: client.context,
                    provider: self.registrations.at(provider).module.instance,
                });
                return;
            }
        }
        registration.busy -= 1;
        *next = Next::Return(wake(registration, own));
    }
}
