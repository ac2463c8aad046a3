// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the registrar knows: the tables behind its lock.
//!
//! Every method is one indivisible transition. It answers with what is to be
//! done about it outside the lock ([`Step`], [`Offer`], [`Wake`]); the tables
//! themselves call nobody.
//!
//! # Invariants
//!
//! - A registration is in its NPI's list as long as it is not deregistering.
//! - A binding is in the lists of both its registrations as long as it exists,
//!   and a registration exists as long as it has bindings. So the slots in a
//!   binding's ends are never empty.
//! - A queued binding's registrations are not deregistering.

use core::ffi::c_void;
use core::ptr::NonNull;

use hashbrown::HashMap;
use shared_npi::nmr::abi::{HANDLE, NPIID, NTSTATUS, STATUS_PENDING, STATUS_SUCCESS};

use crate::binding::{Binding, Move, Phase, Plan, Stand};
use crate::characteristics::Characteristics;
use crate::handle::{self, Kind, Misuse, Named};
use crate::host::{BindingId, RegistrationId, Side};
use crate::list::{Linked, Links, List};
use crate::registration::{Door, Module, Registration};
use crate::slab::{Exhausted, NONE, Slab};

/// The tables.
pub(crate) struct State<C> {
    pub(crate) registrations: Slab<Registration<C>>,
    bindings: Slab<Binding>,
    npis: HashMap<NPIID, [List; 2]>,
    last_registration: u32,
    last_binding: u32,
    /// The registration that ended last by `NmrDeregister...` alone.
    finished: Option<HANDLE>,
}

// SAFETY: the pointers in the tables are the modules' and are only passed on
// to them; a door is shared by the threads that wait at it and open it.
unsafe impl<C: Send + Sync> Send for State<C> {}

/// The bindings as the list of one side's registration.
struct Ends<'a>(&'a mut Slab<Binding>, Side);

impl Linked for Ends<'_> {
    fn links(&mut self, slot: u32) -> &mut Links {
        &mut self.0.at_mut(slot).end_mut(self.1).links
    }
}

impl<C> Linked for Slab<Registration<C>> {
    fn links(&mut self, slot: u32) -> &mut Links {
        &mut self.at_mut(slot).links
    }
}

/// A registration in the making.
pub(crate) struct Applicant<C> {
    pub(crate) characteristics: Characteristics,
    pub(crate) context: *mut c_void,
    pub(crate) npi: NPIID,
    pub(crate) door: Door<C>,
    /// Peers that registered last are offered first.
    pub(crate) newest_first: bool,
}

/// What to do next in a `NmrRegister...`.
pub(crate) enum Next<C> {
    Offer(Offer),
    Return(Option<Wake<C>>),
}

/// A binding to offer to its client.
#[derive(Clone, Copy)]
pub(crate) struct Offer {
    pub(crate) binding: u32,
    pub(crate) id: BindingId,
    pub(crate) handle: HANDLE,
    pub(crate) client: Module,
    pub(crate) provider: Module,
}

/// A provider to ask whether it accepts a client.
#[derive(Clone, Copy)]
pub(crate) struct Ask {
    pub(crate) binding: u32,
    pub(crate) id: BindingId,
    pub(crate) handle: HANDLE,
    pub(crate) client: Module,
    pub(crate) provider: Module,
}

/// Why a call is turned down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// For its handle.
    Handle(Misuse),
    /// For breaking a rule, which it does in these words.
    Rule(u8, &'static str),
}

impl From<Misuse> for Refusal {
    fn from(misuse: Misuse) -> Self {
        Self::Handle(misuse)
    }
}

/// A callback to make for a binding.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) binding: u32,
    pub(crate) id: BindingId,
    pub(crate) module: Module,
    pub(crate) context: *mut c_void,
}

/// What a transition of a binding leaves to be done.
pub(crate) enum Step<C> {
    /// Nothing.
    Rest,
    /// Decide how to detach this binding, and begin.
    Begin(u32),
    /// Call this detach callback.
    Detach(Call),
    /// Call these cleanup callbacks, in any order.
    CleanUp(u32, [Option<Call>; 2]),
    /// The binding is gone; open these doors.
    Done([Option<Wake<C>>; 2]),
}

/// When a `DetachComplete` function was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completed {
    /// After the detach callback was entered.
    InTime,
    /// Before.
    BeforeDetach,
}

/// A door that somebody waits at and that is to be opened.
pub(crate) struct Wake<C> {
    pub(crate) registration: u32,
    pub(crate) door: NonNull<C>,
}

/// How a wait goes on.
pub(crate) enum Wait<C> {
    /// Not at all: its deregistration is complete.
    Over(Option<Door<C>>),
    /// At the door of this registration.
    At(u32, NonNull<C>),
}

impl<C> State<C> {
    pub(crate) fn new() -> Self {
        Self {
            registrations: Slab::new(),
            bindings: Slab::new(),
            npis: HashMap::new(),
            last_registration: 0,
            last_binding: 0,
            finished: None,
        }
    }

    /// The slot of the registration or binding that `handle` names, which must
    /// be of `kind`.
    fn resolve(&self, handle: HANDLE, kind: Kind) -> Result<u32, Misuse> {
        let (found, key) = handle::decode(handle)?;
        if found != kind {
            self.exists(found, key)?;
            return Err(Misuse::Other(found));
        }
        match self.exists(found, key) {
            Err(Misuse::Stale) if self.finished == Some(handle) => Err(Misuse::Finished),
            result => result,
        }
    }

    fn exists(&self, kind: Kind, key: crate::slab::Key) -> Result<u32, Misuse> {
        match kind.named {
            Named::Registration => {
                let slot = self.registrations.find(key)?;
                let registration = self.registrations.at(slot);
                if registration.module.side() != kind.side {
                    return Err(Misuse::Alien);
                }
                if registration.waited {
                    return Err(Misuse::Stale);
                }
                Ok(slot)
            }
            Named::Binding => Ok(self.bindings.find(key)?),
        }
    }

    /// Whose handle this is, if anybody's.
    pub(crate) fn owner(&self, handle: HANDLE, kind: Kind) -> Option<(Module, Option<BindingId>)> {
        let slot = self.resolve(handle, kind).ok()?;
        Some(match kind.named {
            Named::Registration => (self.registrations.at(slot).module, None),
            Named::Binding => (
                self.module(slot, kind.side),
                Some(self.bindings.at(slot).id),
            ),
        })
    }

    /// The registration at `side` of a binding.
    fn module(&self, binding: u32, side: Side) -> Module {
        let registration = self.bindings.at(binding).end(side).registration;
        self.registrations.at(registration).module
    }

    /// Enters a registration, with a queued binding for every peer. On failure
    /// nothing has changed.
    pub(crate) fn register(
        &mut self,
        applicant: Applicant<C>,
    ) -> Result<(u32, Module, HANDLE), Door<C>> {
        let Applicant {
            characteristics,
            context,
            npi,
            door,
            newest_first,
        } = applicant;
        let side = characteristics.side();
        let peers = self
            .npis
            .get(&npi)
            .map_or(List::EMPTY, |lists| lists[side.peer() as usize]);
        if self.reserve(peers.len).is_err() {
            return Err(door);
        }

        self.last_registration = self.last_registration.wrapping_add(1);
        let module = Module {
            id: RegistrationId(self.last_registration),
            characteristics,
            context,
            code: characteristics.code(),
        };
        let key = self.registrations.insert(Registration {
            module,
            handle: core::ptr::null_mut(),
            npi,
            links: Links::LOOSE,
            bindings: List::EMPTY,
            deregistering: false,
            busy: 1,
            waited: false,
            at_door: 0,
            door,
        });
        let named = Named::Registration;
        let handle = handle::encode(Kind { named, side }, key);
        self.registrations.at_mut(key.slot).handle = handle;
        self.npis.entry(npi).or_insert([List::EMPTY; 2])[side as usize]
            .push_back(&mut self.registrations, key.slot);

        let mut peer = peers.first;
        while peer != NONE {
            self.queue(side, key.slot, peer, newest_first);
            peer = self.registrations.at(peer).links.after;
        }
        Ok((key.slot, module, handle))
    }

    fn reserve(&mut self, bindings: u32) -> Result<(), Exhausted> {
        self.bindings.reserve(bindings)?;
        self.registrations.reserve(1)?;
        self.npis.try_reserve(1).map_err(|_| Exhausted)
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

    /// The next binding that a running `NmrRegister...` has to offer. Those it
    /// made are at the front of the list until they are offered.
    pub(crate) fn next_offer(&mut self, own: u32, thread: u64) -> Next<C> {
        let registration = self.registrations.at_mut(own);
        let side = registration.module.side();
        let slot = registration.bindings.first;
        if slot != NONE {
            let binding = self.bindings.at_mut(slot);
            if binding.phase == Phase::Queued && binding.made_by == side {
                self.last_binding = self.last_binding.wrapping_add(1);
                binding.id = BindingId(self.last_binding);
                binding.phase = Phase::Offered;
                binding.thread = thread;
                let ends = &mut Ends(&mut self.bindings, side);
                registration.bindings.remove(ends, slot);
                registration.bindings.push_back(ends, slot);
                return Next::Offer(self.offer(slot));
            }
        }
        registration.busy -= 1;
        Next::Return(self.wake(own))
    }

    fn offer(&self, binding: u32) -> Offer {
        Offer {
            binding,
            id: self.bindings.at(binding).id,
            handle: self.binding_handle(binding, Side::Client),
            client: self.module(binding, Side::Client),
            provider: self.module(binding, Side::Provider),
        }
    }

    /// The handle that `side` gets for a binding.
    fn binding_handle(&self, binding: u32, side: Side) -> HANDLE {
        let named = Named::Binding;
        handle::encode(Kind { named, side }, self.bindings.key(binding))
    }

    /// Begins a `NmrClientAttachProvider` on `thread`.
    pub(crate) fn ask(&mut self, handle: HANDLE, thread: u64) -> Result<Ask, Refusal> {
        let kind = Kind {
            named: Named::Binding,
            side: Side::Client,
        };
        let slot = self.resolve(handle, kind)?;
        let binding = self.bindings.at_mut(slot);
        if binding.phase != Phase::Offered {
            return Err(Refusal::Rule(8, "after ClientAttachProvider had returned"));
        }
        if binding.thread != thread {
            return Err(Refusal::Rule(
                8,
                "on another thread than ClientAttachProvider",
            ));
        }
        if binding.asking {
            return Err(Refusal::Rule(8, "inside ProviderAttachClient"));
        }
        if binding.end(Side::Provider).bound() {
            return Err(Refusal::Rule(9, "again after it had succeeded"));
        }
        binding.asking = true;
        Ok(Ask {
            binding: slot,
            id: binding.id,
            handle: self.binding_handle(slot, Side::Provider),
            client: self.module(slot, Side::Client),
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

    /// Ends the offer of a binding whose `ClientAttachProvider` has returned;
    /// answers also what `NmrClientAttachProvider` had answered last.
    pub(crate) fn settle(&mut self, slot: u32, client_agreed: bool) -> (Option<NTSTATUS>, Step<C>) {
        let answer = self.bindings.at(slot).answer;
        (answer, self.settled(slot, client_agreed))
    }

    fn settled(&mut self, slot: u32, client_agreed: bool) -> Step<C> {
        let binding = self.bindings.at_mut(slot);
        if !binding.end(Side::Provider).bound() {
            return Step::Done(self.release(slot));
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

    /// Begins to deregister: drops what is queued, and answers the registration
    /// and the first of the bindings that the caller has to detach, linked by
    /// [`Binding::next_to_detach`]. They are the caller's alone.
    pub(crate) fn deregister(&mut self, handle: HANDLE, side: Side) -> Result<(u32, u32), Refusal> {
        let named = Named::Registration;
        let own = self.resolve(handle, Kind { named, side })?;
        let registration = self.registrations.at_mut(own);
        if registration.deregistering {
            return Err(Refusal::Rule(23, "again"));
        }
        let npi = registration.npi;
        registration.deregistering = true;
        registration.busy += 1;
        let mut slot = registration.bindings.first;

        if let Some(lists) = self.npis.get_mut(&npi) {
            lists[side as usize].remove(&mut self.registrations, own);
            if lists.iter().all(|list| list.len == 0) {
                self.npis.remove(&npi);
            }
        }

        let (mut first, mut last) = (NONE, NONE);
        while slot != NONE {
            let binding = self.bindings.at_mut(slot);
            let after = binding.end(side).links.after;
            match binding.phase {
                Phase::Queued => {
                    // Neither registration completes by it: this one is busy
                    // and the other is not deregistering.
                    self.unlink(slot);
                }
                Phase::Attached => {
                    binding.phase = Phase::Claimed;
                    binding.next_to_detach = NONE;
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
        Ok((own, first))
    }

    /// Begins the detach of a binding that is the caller's; answers also the
    /// next one to detach.
    pub(crate) fn begin_detach(&mut self, slot: u32, plan: Plan) -> (Step<C>, u32) {
        let binding = self.bindings.at_mut(slot);
        binding.plan = plan;
        binding.phase = Phase::Detaching;
        let next = binding.next_to_detach;
        (self.advance(slot), next)
    }

    /// A detach callback has returned.
    pub(crate) fn detach_returned(&mut self, slot: u32, side: Side, status: NTSTATUS) -> Step<C> {
        let end = self.bindings.at_mut(slot).end_mut(side);
        end.stand = if status == STATUS_PENDING {
            Stand::Pended
        } else {
            Stand::Left
        };
        self.advance(slot)
    }

    /// A side says that its pending detach is over.
    pub(crate) fn detach_complete(
        &mut self,
        handle: HANDLE,
        side: Side,
    ) -> Result<(Completed, Step<C>), Refusal> {
        let named = Named::Binding;
        let slot = self.resolve(handle, Kind { named, side })?;
        let phase = self.bindings.at(slot).phase;
        let end = self.bindings.at_mut(slot).end_mut(side);
        if matches!(phase, Phase::Queued | Phase::Offered) || !end.bound() {
            return Err(Refusal::Rule(20, "for a binding that is not attached"));
        }
        if end.reported {
            return Err(Refusal::Rule(20, "twice"));
        }
        if end.stand == Stand::Left {
            return Err(Refusal::Rule(
                20,
                "though the detach callback had returned STATUS_SUCCESS",
            ));
        }
        let completed = if end.stand == Stand::In {
            Completed::BeforeDetach
        } else {
            Completed::InTime
        };
        end.reported = true;
        Ok((completed, self.advance(slot)))
    }

    /// The cleanup callbacks have returned.
    pub(crate) fn cleaned(&mut self, slot: u32) -> Step<C> {
        self.bindings.at_mut(slot).phase = Phase::Cleaned;
        self.advance(slot)
    }

    fn advance(&mut self, slot: u32) -> Step<C> {
        match self.bindings.at_mut(slot).advance() {
            Move::Rest => Step::Rest,
            Move::Detach(side) => Step::Detach(self.call(slot, side)),
            Move::CleanUp => Step::CleanUp(
                slot,
                [Side::Client, Side::Provider].map(|side| {
                    let bound = self.bindings.at(slot).end(side).bound();
                    bound.then(|| self.call(slot, side))
                }),
            ),
            Move::Release => Step::Done(self.release(slot)),
        }
    }

    fn call(&self, slot: u32, side: Side) -> Call {
        let binding = self.bindings.at(slot);
        Call {
            binding: slot,
            id: binding.id,
            module: self.module(slot, side),
            context: binding.end(side).context,
        }
    }

    fn unlink(&mut self, slot: u32) -> Binding {
        for side in [Side::Client, Side::Provider] {
            let registration = self.bindings.at(slot).end(side).registration;
            self.registrations
                .at_mut(registration)
                .bindings
                .remove(&mut Ends(&mut self.bindings, side), slot);
        }
        self.bindings.remove(slot)
    }

    fn release(&mut self, slot: u32) -> [Option<Wake<C>>; 2] {
        let binding = self.unlink(slot);
        [Side::Client, Side::Provider].map(|side| self.wake(binding.end(side).registration))
    }

    /// The door of a registration that has just become complete while somebody
    /// waits for it.
    fn wake(&mut self, own: u32) -> Option<Wake<C>> {
        let registration = self.registrations.at_mut(own);
        if !registration.complete() || registration.at_door == 0 {
            return None;
        }
        registration.at_door += 1;
        Some(Wake {
            registration: own,
            door: registration.door.address(),
        })
    }

    /// The bindings of a `NmrDeregister...` have been dealt with. If
    /// `may_finish` and nothing is left, that ends the registration at once.
    pub(crate) fn deregistered(
        &mut self,
        own: u32,
        may_finish: bool,
    ) -> (NTSTATUS, Option<Wake<C>>, Option<Door<C>>) {
        let registration = self.registrations.at_mut(own);
        registration.busy -= 1;
        if may_finish && registration.complete() && registration.at_door == 0 {
            self.finished = Some(registration.handle);
            let door = self.registrations.remove(own).door;
            return (STATUS_SUCCESS, None, Some(door));
        }
        (STATUS_PENDING, self.wake(own), None)
    }

    /// Begins to wait for a registration.
    pub(crate) fn wait(&mut self, handle: HANDLE, side: Side) -> Result<Wait<C>, Refusal> {
        let named = Named::Registration;
        let own = self.resolve(handle, Kind { named, side })?;
        let registration = self.registrations.at_mut(own);
        if !registration.deregistering {
            return Err(Refusal::Rule(
                28,
                "before the registration was deregistered",
            ));
        }
        if registration.complete() {
            registration.waited = true;
            return Ok(Wait::Over(self.retire(own)));
        }
        registration.at_door += 1;
        Ok(Wait::At(own, registration.door.address()))
    }

    /// A thread that waited has gone through the door.
    pub(crate) fn waited(&mut self, own: u32) -> Option<Door<C>> {
        self.registrations.at_mut(own).waited = true;
        self.leave_door(own)
    }

    /// A thread is done with the door.
    pub(crate) fn leave_door(&mut self, own: u32) -> Option<Door<C>> {
        self.registrations.at_mut(own).at_door -= 1;
        self.retire(own)
    }

    /// Ends a registration that has been waited for and whose door nobody uses.
    fn retire(&mut self, own: u32) -> Option<Door<C>> {
        let registration = self.registrations.at(own);
        (registration.waited && registration.at_door == 0)
            .then(|| self.registrations.remove(own).door)
    }
}
