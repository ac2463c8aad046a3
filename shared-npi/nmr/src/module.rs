// SPDX-License-Identifier: MIT OR Apache-2.0

//! The two traits that an author implements: the NPI, and a module of it.

use core::ffi::c_void;
use core::marker::PhantomData;

use crate::abi::{
    self, GUID, LUID, MIT_GUID, MIT_IF_LUID, NPI_MODULEID, NPI_MODULEID_VALUE,
    NPI_REGISTRATION_INSTANCE, NPIID,
};
use crate::binding::{Accepted, Binding, Call};
use crate::bindings::Bindings;
use crate::event::Event;
use crate::gate::GateWords;
use crate::irql::PassiveLevel;
use crate::layout::{Handed, Nullable};
use crate::role::Role;
use crate::{NtStatus, Result};

/// A Network Programming Interface: an identity, and the structures that the two
/// sides hand to each other.
///
/// For each structure the NPI declares whether the pointer to it is
/// [`Required`](crate::layout::Required), [`Optional`](crate::layout::Optional) or
/// [`Absent`](crate::layout::Absent), and how the structure is checked.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/network/network-programming-interface>
///
/// # Safety
///
/// Every module that registers with [`ID`](Self::ID), in any language, passes structures of
/// these types, whose size and version fields are true, and functions that keep the contract
/// of the NPI. NMR compares nothing but the identity: if the types do not belong to it, a
/// call into a correct peer can jump anywhere. A structure whose stated size leaves out the
/// padding at its end nevertheless lies in memory of its full size.
pub unsafe trait Npi: Sized + 'static {
    /// The identity by which NMR pairs modules.
    const ID: NPIID;

    /// The `NpiSpecificCharacteristics` of a client.
    type ClientCharacteristics: Handed;

    /// The `NpiSpecificCharacteristics` of a provider.
    type ProviderCharacteristics: Handed;

    /// The functions of a client, which its providers call.
    type ClientDispatch: Handed;

    /// The functions of a provider, which its clients call.
    type ProviderDispatch: Handed;

    /// The `Version` of the registration instance of every module. Microsoft's documents
    /// say 0, but some NPIs use another value: XDP uses 1. An attach callback can compare it
    /// with [`PeerModule::version`].
    const INSTANCE_VERSION: u16 = 0;

    /// `true` if a binding context may be null. If `false`, a peer with a null context is
    /// refused.
    const CONTEXT_MAY_BE_NULL: bool = false;
}

/// The dispatch table of `M`: the functions that its peers call.
///
/// It has the type of its module as a parameter, because its functions take the binding
/// contexts of that module.
pub struct Table<M: Module>(OwnDispatch<M>, PhantomData<M>);

/// The dispatch table that a module of type `M` hands to its peers.
pub type OwnDispatch<M> =
    <<<M as Module>::Role as Role>::Dispatch<<M as Module>::Npi> as Handed>::Own;

/// The `NpiSpecificCharacteristics` of a module of type `M`.
pub type OwnCharacteristics<M> =
    <<<M as Module>::Role as Role>::NpiCharacteristics<<M as Module>::Npi> as Handed>::Own;

/// The `NpiSpecificCharacteristics` of the peer of a module of type `M`.
pub type PeerCharacteristics<'a, M> = <<<<M as Module>::Role as Role>::Peer as Role>::NpiCharacteristics<
    <M as Module>::Npi,
> as Handed>::Seen<'a>;

/// The dispatch table of the peer of a module of type `M`.
pub type PeerDispatch<'a, M> = <<<<M as Module>::Role as Role>::Peer as Role>::Dispatch<
    <M as Module>::Npi,
> as Handed>::Seen<'a>;

impl<M: Module> Table<M> {
    /// Creates the table of `M`.
    ///
    /// # Safety
    ///
    /// Each function in the table is for `M`: it takes its context to be that of a
    /// [`Binding<M>`], and keeps the contract of the NPI.
    /// [`dispatch_fn!`](crate::dispatch_fn) declares such functions.
    #[must_use]
    pub const unsafe fn new(own: OwnDispatch<M>) -> Self {
        Self(own, PhantomData)
    }

    /// The value that is handed to peers.
    pub(crate) const fn own(&self) -> &OwnDispatch<M> {
        &self.0
    }
}

impl<M: Module> Table<M>
where
    <M::Role as Role>::Dispatch<M::Npi>: Nullable,
{
    /// No table: `M` passes null, and its peers call nothing.
    pub const NONE: Self = Self(
        <<M::Role as Role>::Dispatch<M::Npi> as Nullable>::NULL,
        PhantomData,
    );
}

/// The number of peers that a module accepts at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peers {
    /// Any number, each with a binding of its own.
    Many,
    /// One. Until its binding has been cleaned up, all others are refused with
    /// `STATUS_NOINTERFACE`. NMR does not offer a refused peer again.
    One,
}

/// The identity of a network module: `NPI_MODULEID`.
///
/// <https://learn.microsoft.com/previous-versions/windows/hardware/drivers/ff568813(v=vs.85)>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleId {
    /// `MIT_GUID`.
    Guid(GUID),
    /// `MIT_IF_LUID`: the module stands for a network interface.
    IfLuid(LUID),
}

impl ModuleId {
    /// The GUID, if the module is identified by one.
    #[must_use]
    pub const fn guid(self) -> Option<GUID> {
        match self {
            Self::Guid(guid) => Some(guid),
            Self::IfLuid(_) => None,
        }
    }

    /// The structure that NMR takes.
    #[must_use]
    pub const fn to_abi(self) -> NPI_MODULEID {
        let (kind, value) = match self {
            Self::Guid(guid) => (MIT_GUID, NPI_MODULEID_VALUE { Guid: guid }),
            Self::IfLuid(luid) => (MIT_IF_LUID, NPI_MODULEID_VALUE { IfLuid: luid }),
        };
        NPI_MODULEID {
            Length: abi::struct_size::<NPI_MODULEID>(),
            Type: kind,
            Value: value,
        }
    }

    /// Reads an identity. Returns `None` if its type is unknown or its `Length` too short.
    ///
    /// # Safety
    ///
    /// `id` points to an `NPI_MODULEID` of which the first `Length` bytes are readable,
    /// and the member of `Value` that `Type` names is initialised.
    #[must_use]
    pub unsafe fn from_abi(id: *const NPI_MODULEID) -> Option<Self> {
        // SAFETY: by this function's contract `Length` is readable.
        if unsafe { (*id).Length } < abi::struct_size::<NPI_MODULEID>() {
            return None;
        }
        // SAFETY: the whole structure is readable, by its length.
        let kind = unsafe { (*id).Type };
        // SAFETY: the whole structure is readable, by its length.
        let value = unsafe { &raw const (*id).Value };
        match kind {
            // SAFETY: the type says that the value is a GUID.
            MIT_GUID => Some(Self::Guid(unsafe { value.cast::<GUID>().read() })),
            // SAFETY: the type says that the value is a LUID.
            MIT_IF_LUID => Some(Self::IfLuid(unsafe { value.cast::<LUID>().read() })),
            _ => None,
        }
    }
}

/// A network module: one role in one NPI.
///
/// The value is part of NMR's registration context. NMR calls back on any thread, also on
/// several at a time, from before the registration returns until the deregistration is
/// complete.
pub trait Module: Send + Sync + Sized + 'static {
    /// Client or provider.
    type Role: Role;

    /// The interface.
    type Npi: Npi;

    /// The module's own context for one peer, which is part of NMR's binding context.
    /// [`attach`](Self::attach) returns it. The cleanup callback drops it at
    /// IRQL <= `DISPATCH_LEVEL`, so that its drop must not wait. It has at most 4 KiB with
    /// the rest of the binding, because it is moved through a kernel stack: keep larger data
    /// in a box.
    type Binding: Send + Sync + 'static;

    /// The identity of the module.
    const MODULE_ID: ModuleId;

    /// The `NpiSpecificCharacteristics` of the module.
    const CHARACTERISTICS: OwnCharacteristics<Self>;

    /// The module's own functions.
    const TABLE: Table<Self>;

    /// The number of peers that the module accepts at a time.
    const PEERS: Peers = Peers::Many;

    /// The number of words in which each binding's [gate](crate::gate) counts the calls in
    /// flight: one, or one for each processor.
    const GATE: GateWords = GateWords::One;

    /// Returns the `Number` of the registration instance, which distinguishes registrations
    /// with the same module id. Called once, when the module is registered.
    /// IRQL = `PASSIVE_LEVEL`.
    fn number(&self) -> u32 {
        0
    }

    /// Returns the identity of this registration, for a module whose identity is known only
    /// at run time. Called once, when the module is registered. IRQL = `PASSIVE_LEVEL`.
    fn module_id(&self) -> ModuleId {
        Self::MODULE_ID
    }

    /// Accepts a peer that NMR offers, by returning the context of a binding to it, or
    /// refuses it. Checks everything about the peer: once NMR is told of the acceptance, the
    /// peer may call. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_NOINTERFACE` for a peer that does not match; another status for one that
    /// matches but cannot be served.
    fn attach(
        &self,
        peer: &PeerModule<'_, Self>,
        passive: &PassiveLevel<'_>,
    ) -> Result<Self::Binding>;

    /// Returns `true` if the peer's dispatch table has the functions that `binding`
    /// needs. The table's layout has been checked. IRQL = `PASSIVE_LEVEL`.
    fn accepts_dispatch(binding: &Self::Binding, table: PeerDispatch<'_, Self>) -> bool;

    /// Tells a client that a binding is committed: it may call the provider, and may use
    /// `call` for that. Never called on a provider, which must not call a client inside its
    /// attach callback, and learns from the client's first call that the binding is
    /// committed. IRQL = `PASSIVE_LEVEL`.
    fn attached(&self, call: Call<'_, Self>) {
        drop(call);
    }

    /// Tells a provider that it has accepted a client and that its attach callback is about
    /// to return. It must not call the client yet. A provider whose clients call first drops
    /// `client`, and learns from that call that the binding is committed. A provider that
    /// calls first keeps `client` until the attach is [committed](Accepted::committed); if
    /// the binding detaches before, it finds `client` by [`is_of`](Accepted::is_of) and drops
    /// it in [`detaching`](Self::detaching). Never called on a client.
    /// IRQL = `PASSIVE_LEVEL`.
    fn accepted(&self, client: Accepted<Self>) {
        drop(client);
    }

    /// Tells the module that the binding is detaching: no more calls to the peer can begin.
    /// A module that keeps a [`Hold`](crate::Hold) of the binding drops it now or soon after:
    /// the detach is complete when the last hold has been dropped. Must not block.
    /// IRQL <= `DISPATCH_LEVEL`.
    fn detaching(&self, binding: &Binding<Self>) {
        let _ = binding;
    }

    /// Traces an event. Must not block or call the peer. The IRQL depends on the
    /// [event](Event).
    fn trace(&self, event: Event) {
        let _ = event;
    }

    /// Returns the list of the module's bindings, if it has one. Any IRQL.
    fn bindings(&self) -> Option<&Bindings<Self>> {
        None
    }

    /// Tells a client that a provider has passed a dispatch table or a binding context that
    /// the client does not accept. The binding exists nevertheless, because a client must not
    /// fail an attach that the provider has accepted, but the client makes no calls.
    /// IRQL = `PASSIVE_LEVEL`.
    fn dispatch_rejected(&self) {}
}

/// The `NpiSpecificCharacteristics` of the peer of `M`, as the NPI describes them.
type Says<M> =
    <<<M as Module>::Role as Role>::Peer as Role>::NpiCharacteristics<<M as Module>::Npi>;

/// The registration instance of the peer that NMR offers to a module of type `M`.
///
/// # Invariants
///
/// `instance` points to a complete registration instance. NMR keeps it valid during
/// `'attach`, and with it the module id and the characteristics that it points to.
pub struct PeerModule<'attach, M: Module> {
    instance: *const NPI_REGISTRATION_INSTANCE,
    lifetime: PhantomData<&'attach M>,
}

impl<'attach, M: Module> PeerModule<'attach, M> {
    /// # Safety
    ///
    /// A non-null `instance` points to `Size` readable bytes. They, and the module id and
    /// characteristics that they point to, are valid during `'attach`, as NMR promises
    /// to attach callbacks.
    pub(crate) unsafe fn new(instance: *const NPI_REGISTRATION_INSTANCE) -> Result<Self> {
        if instance.is_null() {
            return Err(NtStatus::INVALID_PARAMETER);
        }
        // SAFETY: by this function's contract `Size` is readable.
        let size = unsafe { (*instance).Size };
        if size < abi::struct_size::<NPI_REGISTRATION_INSTANCE>() {
            return Err(NtStatus::NOINTERFACE);
        }
        Ok(Self {
            instance,
            lifetime: PhantomData,
        })
    }

    /// The identity of the module, if it is complete and of a known type.
    #[must_use]
    pub fn module_id(&self) -> Option<ModuleId> {
        // SAFETY: by the invariant the instance is whole.
        let id = unsafe { (*self.instance).ModuleId };
        if id.is_null() {
            return None;
        }
        // SAFETY: by the invariant the module id is valid.
        unsafe { ModuleId::from_abi(id) }
    }

    /// The `Number` of the registration instance, which distinguishes registrations with the
    /// same module id.
    #[must_use]
    pub const fn number(&self) -> u32 {
        // SAFETY: by the invariant the instance is whole.
        unsafe { (*self.instance).Number }
    }

    /// The `Version` of the registration instance: 0, unless the
    /// [NPI](Npi::INSTANCE_VERSION) says otherwise.
    #[must_use]
    pub const fn version(&self) -> u16 {
        // SAFETY: by the invariant the instance is whole.
        unsafe { (*self.instance).Version }
    }

    /// The address of the characteristics, or null: for an NPI whose characteristics have no
    /// fixed size, such as those of XDP with their list of versions. They are valid, and do
    /// not change, during the attach callback.
    #[must_use]
    pub const fn characteristics_pointer(&self) -> *const c_void {
        // SAFETY: by the invariant the instance is whole.
        unsafe { (*self.instance).NpiSpecificCharacteristics }
    }

    /// The peer's `NpiSpecificCharacteristics`, checked.
    ///
    /// # Errors
    ///
    /// `STATUS_NOINTERFACE` if a required pointer is null, or the structure fails the NPI's
    /// check.
    pub fn characteristics(&self) -> Result<PeerCharacteristics<'attach, M>> {
        let pointer = self.characteristics_pointer();
        // SAFETY: by the invariant the characteristics, if there are any, are
        // valid, and unchanged for as long as the module is registered; by the
        // contract of `Npi` they are of this type.
        unsafe { Says::<M>::see(pointer) }.map_err(|_| NtStatus::NOINTERFACE)
    }
}
