// SPDX-License-Identifier: MIT OR Apache-2.0

//! What an author writes: the interface, and the module that speaks it.

use core::marker::PhantomData;

use super::abi::{self, NPI_MODULEID, NPI_REGISTRATION_INSTANCE, NPIID};
use super::binding::InFlight;
use super::bindings::Bindings;
use super::irql::PassiveLevel;
use super::role::Role;
use crate::header::{Headed, checked};
use crate::{NtStatus, Result};

/// A Network Programming Interface: an identity and the types both sides know.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/network/network-programming-interface>
pub trait Npi: Sized + 'static {
    /// The identity by which NMR pairs modules.
    const ID: NPIID;

    /// What a module says of itself before an attach: NMR's
    /// `NpiSpecificCharacteristics`.
    type Characteristics: Headed + Sync + 'static;

    /// The functions of a client, which its providers call.
    type ClientDispatch: Headed + Sync + 'static;

    /// The functions of a provider, which its clients call.
    type ProviderDispatch: Headed + Sync + 'static;
}

/// A network module: one role in one NPI.
///
/// The value is NMR's registration context. Callbacks arrive on any thread,
/// several at a time, from before the registration returns until it has ended.
pub trait Module: Send + Sync + Sized + 'static {
    /// Client or provider.
    type Role: Role;

    /// The interface.
    type Npi: Npi;

    /// What the module keeps for one peer: NMR's binding context. Made by
    /// [`attach`](Self::attach), dropped in the cleanup callback, at
    /// IRQL <= `DISPATCH_LEVEL`.
    type Binding: Send + Sync + 'static;

    /// The identity of the module.
    const MODULE_ID: NPI_MODULEID;

    /// What the module says of itself.
    const CHARACTERISTICS: &'static <Self::Npi as Npi>::Characteristics;

    /// The module's own functions.
    const DISPATCH: &'static <Self::Role as Role>::Dispatch<Self::Npi>;

    /// A peer is offered: make the context of a binding to it, or refuse.
    /// Everything that can be wrong is checked here, because once NMR is told
    /// the peer may call. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_NOINTERFACE` for a peer that does not fit, another status for
    /// one that would fit but cannot be served.
    fn attach(
        &self,
        peer: &PeerModule<'_, Self::Npi>,
        passive: &PassiveLevel<'_>,
    ) -> Result<Self::Binding>;

    /// Whether the peer's dispatch table has the functions that `binding`
    /// needs. The table's header has been checked. IRQL = `PASSIVE_LEVEL`.
    fn usable(
        binding: &Self::Binding,
        table: &<<Self::Role as Role>::Peer as Role>::Dispatch<Self::Npi>,
    ) -> bool;

    /// A client's binding is committed: calls may begin, starting with this
    /// one that is in flight. Never called on a provider, which must not call
    /// a client inside its attach callback, and learns of a committed binding
    /// by the client's first call. IRQL = `PASSIVE_LEVEL`.
    fn attached(&self, binding: InFlight<Self>) {
        drop(binding);
    }

    /// Where the module lists its bindings, if it does. Any IRQL.
    fn bindings(&self) -> Option<&Bindings<Self>> {
        None
    }

    /// A client's provider has handed over an unusable dispatch table. The
    /// attach stands, because after the provider has accepted a client may
    /// not fail it; but nothing will be called. IRQL = `PASSIVE_LEVEL`.
    fn unusable(&self) {}
}

/// What a peer says of itself at an attach.
///
/// # Invariants
///
/// `instance` leads to a registration instance that NMR vouches for during
/// `'attach`.
pub struct PeerModule<'attach, N: Npi> {
    instance: &'attach NPI_REGISTRATION_INSTANCE,
    npi: PhantomData<N>,
}

impl<'attach, N: Npi> PeerModule<'attach, N> {
    /// # Safety
    ///
    /// A non-null `instance`, and the module id and characteristics it leads
    /// to, are valid during `'attach`, as NMR promises to attach callbacks.
    pub(super) unsafe fn new(instance: *const NPI_REGISTRATION_INSTANCE) -> Result<Self> {
        // SAFETY: by this function's contract.
        let instance = unsafe { instance.as_ref() }.ok_or(NtStatus::INVALID_PARAMETER)?;
        if instance.Size < abi::struct_size::<NPI_REGISTRATION_INSTANCE>() {
            return Err(NtStatus::NOINTERFACE);
        }
        Ok(Self {
            instance,
            npi: PhantomData,
        })
    }

    /// The identity of the module, if it has a whole one.
    #[must_use]
    pub fn module_id(&self) -> Option<&'attach NPI_MODULEID> {
        // SAFETY: by the invariant the module id, if there is one, is valid.
        let id = unsafe { self.instance.ModuleId.as_ref() }?;
        (id.Length >= abi::struct_size::<NPI_MODULEID>()).then_some(id)
    }

    /// The number of the implementation: tells apart registrations of one
    /// module.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.instance.Number
    }

    /// What the module says of itself in the terms of the NPI.
    ///
    /// # Errors
    ///
    /// `STATUS_NOINTERFACE` if it says nothing, or less than the NPI demands.
    pub fn characteristics(&self) -> Result<&'attach N::Characteristics> {
        let pointer = self.instance.NpiSpecificCharacteristics.cast();
        // SAFETY: by the invariant the characteristics, if there are any, are
        // valid, and unchanged for as long as the module is registered.
        unsafe { checked(pointer) }.map_err(|_| NtStatus::NOINTERFACE)
    }
}
