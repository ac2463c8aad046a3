// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the registrar knows: the tables behind its lock.
//!
//! Every method is one indivisible transition. It answers with what is to be
//! done about it outside the lock ([`Action`], [`Offer`], [`WaitToEnd`]); the tables
//! themselves call nobody.
//!
//! # Invariants
//!
//! - A registration is in its NPI's list as long as it is not deregistering.
//! - A binding is in the lists of both its registrations as long as it exists,
//!   and a registration exists as long as it has bindings. So the slots in a
//!   binding's ends are never empty.
//! - A queued binding's registrations are not deregistering.

mod attach;
mod census;
mod detach;
mod register;
mod wait;

use alloc::vec::Vec;
use core::ffi::c_void;
use core::num::NonZeroU64;
use core::ptr::NonNull;

use nmr::abi::HANDLE;

pub(crate) use self::attach::{AcceptCall, AttachCaller};
pub(crate) use self::detach::Completed;
pub(crate) use self::register::{Lack, NewRegistration, Next, Registered};
pub(crate) use self::wait::Wait;
use crate::binding::{Binding, Phase, Thread};
use crate::characteristics::{CleanupFn, DetachFn};
use crate::handle::{self, HandleKind, Misuse, Named};
use crate::host::{BindingId, RegistrationId, Side};
use crate::list::{Linked, Links};
use crate::npis::{NpiKey, Npis};
use crate::registration::{Module, Registration, WaitObject};
use crate::slab::{Key, Slab};

/// The tables.
pub(crate) struct State<C> {
    registrations: Slab<Registration<C>>,
    /// The wait object of each slot of `registrations` that was in use: a later
    /// registration uses it again unless it has been signalled.
    wait_objects: Vec<Option<WaitObject<C>>>,
    bindings: Slab<Binding>,
    npis: Npis,
    next_registration: NonZeroU64,
    next_binding: NonZeroU64,
}

// SAFETY: the pointers in the tables are the modules' and are only passed on
// to them; a wait object is shared by the threads that wait for it and signal it.
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

/// A callback to make for a binding: no more than it takes, as it is passed on
/// by value.
#[derive(Clone, Copy)]
pub(crate) struct Call<F> {
    pub(crate) binding: u32,
    pub(crate) side: Side,
    pub(crate) id: BindingId,
    pub(crate) registration: RegistrationId,
    pub(crate) npi: NpiKey,
    pub(crate) callback: F,
    pub(crate) context: *mut c_void,
}

/// When a transition that leaves a callback to be made has it entered.
#[derive(Clone, Copy)]
pub(crate) enum Entry {
    /// Later, by [`detach_entered`](State::detach_entered) or
    /// [`cleanup_entered`](State::cleanup_entered): somebody watches what happens until
    /// then.
    Later,
    /// At once, on this thread.
    Now(Thread),
}

/// What a transition of a binding leaves to be done. A transition writes it where its
/// caller reads it: passing it on by value takes longer than most transitions.
pub(crate) enum Action<C> {
    /// Nothing.
    Rest,
    /// Decide how to detach this binding, and begin.
    Begin(u32),
    /// Call this detach callback.
    Detach(Call<DetachFn>),
    /// Call these cleanup callbacks, in any order.
    CleanUp(u32, [Option<Call<CleanupFn>>; 2]),
    /// The binding is gone; signal these wait objects.
    Done([Option<WaitToEnd<C>>; 2]),
}

/// A wait object that a thread waits for, to be signalled.
pub(crate) struct WaitToEnd<C> {
    pub(crate) registration: u32,
    pub(crate) wait_object: NonNull<C>,
}

impl<C> State<C> {
    pub(crate) fn new() -> Self {
        Self {
            registrations: Slab::new(),
            wait_objects: Vec::new(),
            bindings: Slab::new(),
            npis: Npis::new(),
            next_registration: NonZeroU64::MIN,
            next_binding: NonZeroU64::MIN,
        }
    }

    /// The slot of the registration or binding that `handle` names, which must
    /// be of `kind`.
    fn resolve(&self, handle: HANDLE, kind: HandleKind) -> Result<u32, Misuse> {
        let (found, key) = handle::decode(handle)?;
        if found == kind
            && let Ok(slot) = self.exists(kind, key)
        {
            return Ok(slot);
        }
        self.misuse(found, key, kind)
    }

    /// Why a handle that says it is one of `found` is none of `kind`.
    #[cold]
    fn misuse(&self, found: HandleKind, key: Key, kind: HandleKind) -> Result<u32, Misuse> {
        match self.exists(found, key) {
            Err(Misuse::NotAHandle) => Err(Misuse::NotAHandle),
            _ if found != kind => Err(Misuse::Other(found)),
            Err(Misuse::Stale)
                if kind.named == Named::Registration && self.registrations.was_marked(key) =>
            {
                Err(Misuse::Finished)
            }
            result => result,
        }
    }

    #[inline]
    fn exists(&self, kind: HandleKind, key: Key) -> Result<u32, Misuse> {
        match kind.named {
            Named::Registration => {
                let registration = self.registrations.find(key)?;
                if registration.module.side() != kind.side {
                    return Err(Misuse::NotAHandle);
                }
                if registration.waited {
                    return Err(Misuse::Stale);
                }
            }
            // Nobody has been given a handle to it yet.
            Named::Binding if self.bindings.find(key)?.phase == Phase::Queued => {
                return Err(Misuse::NotAHandle);
            }
            Named::Binding => {}
        }
        Ok(key.slot)
    }

    /// What `is` makes of the module whose handle this is, if it is anybody's, and of the
    /// binding.
    pub(crate) fn owner<R>(
        &self,
        handle: HANDLE,
        kind: HandleKind,
        is: impl FnOnce(&Module, Option<BindingId>) -> R,
    ) -> Option<R> {
        let slot = self.resolve(handle, kind).ok()?;
        Some(match kind.named {
            Named::Registration => is(&self.registrations.at(slot).module, None),
            Named::Binding => {
                let id = self.bindings.at(slot).id;
                is(self.module(slot, kind.side), Some(id))
            }
        })
    }

    /// The registration at `side` of a binding.
    fn module(&self, binding: u32, side: Side) -> &Module {
        let registration = self.bindings.at(binding).end(side).registration;
        &self.registrations.at(registration).module
    }
    /// The handle that `side` gets for a binding.
    fn binding_handle(&self, binding: u32, side: Side) -> HANDLE {
        let named = Named::Binding;
        handle::encode(HandleKind { named, side }, self.bindings.key(binding))
    }

    /// Takes a registration off the tables. Returns its wait object if that has been
    /// signalled, to be dropped while the tables are not locked.
    fn end(&mut self, own: u32, marked: bool) -> Option<WaitObject<C>> {
        let registration = if marked {
            self.registrations.remove_marked(own)
        } else {
            self.registrations.remove(own)
        };
        let wait_object = self.wait_objects.get_mut(own as usize)?;
        wait_object.take_if(|_| registration.signalled)
    }

    /// Takes a binding off the tables, after which a registration may be complete.
    fn release(&mut self, slot: u32, step: &mut Action<C>) {
        let [client, provider] = self.bindings.at(slot).registrations();
        let wakes = (
            self.unlink(slot, client, Side::Client),
            self.unlink(slot, provider, Side::Provider),
        );
        self.bindings.remove(slot);
        *step = match wakes {
            (None, None) => Action::Rest,
            (client, provider) => Action::Done([client, provider]),
        };
    }

    /// Takes a binding off the list of its registration on `side`.
    #[inline]
    fn unlink(&mut self, slot: u32, own: u32, side: Side) -> Option<WaitToEnd<C>> {
        let registration = self.registrations.at_mut(own);
        let ends = &mut Ends(&mut self.bindings, side);
        registration.bindings.remove(ends, slot);
        wake(registration, own)
    }
}

/// The wait object of the registration in slot `own`, if that has just become complete
/// while somebody waits for it.
const fn wake<C>(registration: &mut Registration<C>, own: u32) -> Option<WaitToEnd<C>> {
    if !registration.complete() || registration.waiting == 0 {
        return None;
    }
    registration.waiting += 1;
    registration.signalled = true;
    Some(WaitToEnd {
        registration: own,
        wait_object: registration.wait_object,
    })
}

// A slot of either table is two cache lines long: an index is a shift away from its place.
#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(Slab::<Registration<()>>::SLOT == 128);
    assert!(Slab::<Binding>::SLOT == 128);
};
