// SPDX-License-Identifier: MIT OR Apache-2.0

//! A module's end of a binding, and the calls through it.
//!
//! | value | what it is | calls to the peer |
//! |---|---|---|
//! | [`Call`] | a call that begins now, on this thread | one |
//! | [`Hold`] | a reference that keeps the binding attached | none |
//!
//! Only [`Binding::enter`] returns a [`Call`]; it fails once the detach callback has been
//! entered. So a module that keeps a binding attached with a [`Hold`] cannot use that to call
//! a peer that it must no longer call.

use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::NonNull;

use crate::abi::NTSTATUS;
use crate::bindings::{self, Node};
use crate::event::Event;
use crate::gate::{Choice, Gate, GateWords, Leave};
use crate::handle::BindingHandle;
use crate::layout::Handed;
use crate::memory::MAX_SIZE;
use crate::module::{Module, ModuleId, Npi, PeerDispatch};
use crate::registration::Block;
use crate::role::Role;
use crate::{NtStatus, Result, memory};

/// A module's end of a binding: NMR's binding context.
///
/// # Invariants
///
/// - It stays at one address from before NMR gets that address until its cleanup callback.
///   The block outlives it.
/// - `peer` is written before the gate opens and never after. Once the gate is open, the
///   peer's table has been checked.
pub struct Binding<M: Module> {
    gate: Gate<Chosen<M>>,
    handle: BindingHandle<M::Role>,
    block: NonNull<Block<M>>,
    peer: UnsafeCell<MaybeUninit<StoredPeer<M>>>,
    peer_id: Option<ModuleId>,
    node: Node<M>,
    context: M::Binding,
}

// SAFETY: the gate is atomic; the handle, the context and the module are `Sync`; the node
// is touched under its list's lock only. `peer` is written while no other thread can read
// it: the release of opening the gate and the acquire of entering it order the two.
unsafe impl<M: Module> Sync for Binding<M> {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl<M: Module> Send for Binding<M> {}

/// The kind of gate that the module has chosen.
struct Chosen<M>(PhantomData<M>);

impl<M: Module> Choice for Chosen<M> {
    const WORDS: GateWords = M::GATE;
}

/// The peer's dispatch table, which has been checked, and its binding context. Both are valid
/// while a call is in flight.
struct StoredPeer<M: Module> {
    table: PeerDispatch<'static, M>,
    context: *mut c_void,
}

/// The peer, during a call to it.
pub struct Peer<'call, M: Module> {
    table: PeerDispatch<'call, M>,
    context: *mut c_void,
}

impl<'call, M: Module> Peer<'call, M> {
    /// The peer's functions.
    #[must_use]
    pub const fn table(&self) -> PeerDispatch<'call, M> {
        self.table
    }

    /// The peer's binding context, the first argument of every function.
    #[must_use]
    pub const fn context(&self) -> *mut c_void {
        self.context
    }
}

impl<M: Module> Binding<M> {
    /// Creates a binding with an unopened gate and no peer yet. The attach itself counts as a
    /// call in flight; [`Hold::attach`] returns the [`Hold`] for it.
    ///
    /// IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Safety
    ///
    /// `block` outlives the binding.
    pub(crate) unsafe fn new(
        handle: BindingHandle<M::Role>,
        block: NonNull<Block<M>>,
        peer_id: Option<ModuleId>,
        context: M::Binding,
    ) -> Result<NonNull<Self>> {
        const {
            assert!(
                size_of::<Self>() <= MAX_SIZE,
                "a binding has at most 4 KiB: keep what is larger in a box"
            );
        }
        memory::try_box(Self {
            gate: Gate::new()?,
            handle,
            block,
            peer: UnsafeCell::new(MaybeUninit::uninit()),
            peer_id,
            node: Node::new(),
            context,
        })
        .map(|binding| NonNull::from(Box::leak(binding)))
    }

    /// Frees a binding. Returns its registration block and the identity of the peer.
    ///
    /// # Safety
    ///
    /// `binding` came from [`new`](Self::new), nothing uses it any more, and it is freed
    /// once. The block is valid during `'block`.
    pub(crate) unsafe fn free<'block>(
        binding: NonNull<Self>,
    ) -> (&'block Block<M>, Option<ModuleId>) {
        // SAFETY: by this function's contract the binding is valid and unused.
        unsafe { bindings::unlist(binding) };
        // SAFETY: by this function's contract it came from a box, and is freed once.
        let binding = unsafe { Box::from_raw(binding.as_ptr()) };
        // SAFETY: the block is valid during `'block`, by this function's contract.
        let block = unsafe { binding.block.as_ref() };
        let peer = binding.peer_id;
        drop(binding);
        block.peer_left();
        (block, peer)
    }

    /// Stores the peer and opens the gate, if the module accepts the peer's dispatch table
    /// and context. Returns `true` if it does.
    ///
    /// # Safety
    ///
    /// Called once, before any other thread has the binding. The table and the context are
    /// those of a module of the NPI of `M`, which keeps them valid until both sides have
    /// detached.
    pub(crate) unsafe fn open(&self, dispatch: *const c_void, context: *mut c_void) -> bool {
        if context.is_null() && !<M::Npi as Npi>::CONTEXT_MAY_BE_NULL {
            return false;
        }
        // SAFETY: by this function's contract the table is of this NPI. It is used only while
        // a call is in flight, during which the peer keeps it valid.
        let Ok(table) = (unsafe { PeerTable::<M>::see::<'static>(dispatch) }) else {
            return false;
        };
        if !M::accepts_dispatch(&self.context, PeerTable::<M>::shorten(table)) {
            return false;
        }
        // SAFETY: the gate is not open yet, and by this function's contract no other thread
        // has the binding.
        unsafe { *self.peer.get() = MaybeUninit::new(StoredPeer { table, context }) };
        self.gate.open();
        true
    }

    /// Returns the binding whose context a peer or NMR has passed.
    ///
    /// # Safety
    ///
    /// `context` is the binding context that a module of type `M` has passed to NMR, and the
    /// cleanup callback of the binding is not called during `'call`.
    #[must_use]
    pub const unsafe fn from_context<'call>(context: *mut c_void) -> &'call Self {
        // SAFETY: by this function's contract the context points to a valid binding.
        unsafe { &*context.cast::<Self>() }
    }

    /// Begins a call to the peer. Returns `None` before the attach is committed, and once
    /// the detach callback has been entered. Any IRQL.
    #[must_use]
    pub fn enter(&self) -> Option<Call<'_, M>> {
        self.gate
            .enter()
            .then(|| Call(Hold(NonNull::from(self), PhantomData), PhantomData))
    }

    /// The module.
    #[must_use]
    pub const fn module(&self) -> &M {
        // SAFETY: by the invariant the block outlives the binding.
        unsafe { self.block.as_ref() }.module()
    }

    /// The identity of the peer, if it has one.
    #[must_use]
    pub const fn peer_id(&self) -> Option<ModuleId> {
        self.peer_id
    }

    /// The binding's node in the list of bindings.
    pub(crate) const fn node(&self) -> &Node<M> {
        &self.node
    }

    /// The module's own context for this peer.
    #[must_use]
    pub const fn context(&self) -> &M::Binding {
        &self.context
    }

    /// The detach callback: closes the gate and calls [`Module::detaching`]. Returns
    /// `STATUS_SUCCESS` if nothing is in flight, and otherwise `STATUS_PENDING`: then the
    /// last hold to be dropped completes the detach. That may happen, and the binding may be
    /// freed, before this returns.
    ///
    /// # Safety
    ///
    /// `this` is an attached binding, and this is its only detach callback.
    pub(crate) unsafe fn detach(this: NonNull<Self>) -> NTSTATUS {
        // SAFETY: by this function's contract the binding is attached. It is valid until this
        // side has detached, which the reference that is added below prevents.
        let binding = unsafe { this.as_ref() };
        binding.gate.add_ref();
        // SAFETY: the gate is valid, and this closes it for the only time.
        let closed = unsafe { Gate::close(&raw const binding.gate) };
        debug_assert_eq!(closed, Leave::NotLast, "this callback has a reference");
        binding.module().trace(Event::Detach {
            peer: binding.peer_id,
            // The reference that was added above does not count.
            in_flight: binding.gate.in_flight().saturating_sub(1),
        });
        binding.module().detaching(binding);
        // SAFETY: the reference that was added above is in flight, and the binding is not
        // touched after this.
        match unsafe { Gate::leave(&raw const binding.gate) } {
            Leave::LastOut => NtStatus::SUCCESS.0,
            Leave::NotLast => NtStatus::PENDING.0,
        }
    }
}

/// The peer's dispatch table, as the NPI describes it.
type PeerTable<M> = <<<M as Module>::Role as Role>::Peer as Role>::Dispatch<<M as Module>::Npi>;

/// The right to make one call to the peer, now and on this thread.
///
/// It has passed the gate. [`make`](Self::make) consumes it, so that each call passes the
/// gate. If it is dropped, no call is made.
#[must_use = "dropping it ends the call"]
pub struct Call<'binding, M: Module>(
    Hold<M>,
    // Not `Send`, so that it cannot be kept on another thread past a detach.
    PhantomData<(&'binding Binding<M>, *mut ())>,
);

impl<'binding, M: Module> Call<'binding, M> {
    /// The binding.
    #[must_use]
    pub const fn binding(&self) -> &'binding Binding<M> {
        // SAFETY: the call was entered through a reference to the binding that is valid
        // for `'binding`.
        unsafe { self.0.0.as_ref() }
    }

    /// Makes a call of `entered`, a reference that has passed the gate of the binding of
    /// `place`.
    pub(crate) const fn entered(_place: &'binding Hold<M>, entered: Hold<M>) -> Self {
        Self(entered, PhantomData)
    }

    /// Returns the reference that has passed the gate, from which
    /// [`entered`](Self::entered) makes a call again.
    pub(crate) fn into_entered(self) -> Hold<M> {
        self.0
    }

    /// Makes the call: `body` calls one function of the peer. IRQL <= `DISPATCH_LEVEL`; the
    /// caller holds no lock, because this calls the peer.
    pub fn make<R>(self, body: impl FnOnce(Peer<'_, M>) -> R) -> R {
        // SAFETY: this has passed the gate, so that the gate has been open.
        unsafe { self.0.with_peer(body) }
    }

    /// Returns a hold, which keeps the binding attached after the call: for a request that
    /// the peer completes later.
    pub fn hold(&self) -> Hold<M> {
        self.0.add_ref()
    }

    /// Adds the binding to its [module's list](Module::bindings), in which it stays until it
    /// is cleaned up. Has no effect if the binding is in the list already.
    ///
    /// A client calls this when it is [attached](Module::attached). A provider calls it during
    /// a call that the client makes, not before: only then may it call the client.
    /// IRQL <= `DISPATCH_LEVEL`.
    pub fn add_to_list(&self) {
        self.0.add_to_list();
    }
}

/// A reference that keeps a binding attached. It does not allow calls.
///
/// Dropping the last hold of a detaching binding completes the detach; the drop happens at
/// IRQL <= `DISPATCH_LEVEL` and with no lock held. A hold that is never dropped keeps the
/// deregistration from completing: see [`Module::detaching`].
///
/// # Invariants
///
/// It owns one count of the binding's gate.
#[must_use = "dropping it gives it up"]
pub struct Hold<M: Module>(NonNull<Binding<M>>, PhantomData<Binding<M>>);

// SAFETY: a binding is `Send` and `Sync`, and NMR takes completions from any
// thread.
unsafe impl<M: Module> Send for Hold<M> {}
// SAFETY: a shared hold gives access only to a shared binding, which is `Sync`.
unsafe impl<M: Module> Sync for Hold<M> {}

impl<M: Module> Hold<M> {
    /// Returns the hold of the attach itself.
    ///
    /// # Safety
    ///
    /// `binding` came from [`Binding::new`], and this takes over its initial count.
    pub(crate) const unsafe fn attach(binding: NonNull<Binding<M>>) -> Self {
        Self(binding, PhantomData)
    }

    /// The binding.
    #[must_use]
    pub const fn binding(&self) -> &Binding<M> {
        // SAFETY: by the invariant the detach is not complete, so that the binding has not
        // been cleaned up.
        unsafe { self.0.as_ref() }
    }

    /// Adds a reference to the same binding. Any IRQL.
    pub fn add_ref(&self) -> Self {
        self.binding().gate.add_ref();
        Self(self.0, PhantomData)
    }

    /// Makes a call that is due even if the binding is detaching: the completion of a request
    /// that began before. IRQL <= `DISPATCH_LEVEL`; the caller holds no lock, because this
    /// calls the peer.
    ///
    /// # Safety
    ///
    /// This hold was taken during a call or request, of either side, that began before the
    /// detach callback, and by the contract of the NPI the call that `body` makes completes
    /// it. It is not the hold of an attach.
    pub unsafe fn complete<R>(self, body: impl FnOnce(Peer<'_, M>) -> R) -> R {
        // SAFETY: the call or request for which this was held has passed the gate, so that
        // the gate has been open.
        unsafe { self.with_peer(body) }
    }

    /// Passes the peer to `body`.
    ///
    /// # Safety
    ///
    /// The gate has been open.
    unsafe fn with_peer<R>(&self, body: impl FnOnce(Peer<'_, M>) -> R) -> R {
        // SAFETY: `peer` was written before the gate opened, and is not written again. The
        // peer keeps its table and context valid while this hold is in flight.
        let peer = unsafe { &*self.binding().peer.get().cast::<StoredPeer<M>>() };
        body(Peer {
            table: PeerTable::<M>::shorten(peer.table),
            context: peer.context,
        })
    }

    /// Adds the binding to its module's list: [`Call::add_to_list`].
    pub(crate) fn add_to_list(&self) {
        let binding = self.binding();
        if !bindings::is_unlisted(binding.node()) {
            return;
        }
        if let Some(list) = binding.module().bindings() {
            // SAFETY: a call is in flight, so that the binding is valid. The list lives as
            // long as the module, which outlives the binding.
            unsafe { list.add(self.0) };
        }
    }

    /// The binding's address.
    pub(crate) const fn raw(&self) -> NonNull<Binding<M>> {
        self.0
    }

    /// Turns the hold into a pointer that can be stored in a request.
    #[must_use = "the binding stays attached until `from_raw` takes it back"]
    pub fn into_raw(self) -> NonNull<Binding<M>> {
        ManuallyDrop::new(self).0
    }

    /// Turns such a pointer back into the hold.
    ///
    /// # Safety
    ///
    /// `raw` came from [`into_raw`](Self::into_raw), and is turned back once.
    pub const unsafe fn from_raw(raw: NonNull<Binding<M>>) -> Self {
        Self(raw, PhantomData)
    }
}

/// A client that a provider has accepted, in an attach that is committed only after the
/// provider's attach callback has returned: see [`Module::accepted`].
///
/// It keeps the binding attached. A provider whose clients make no calls gets from it the
/// binding through which it calls them.
#[must_use = "dropping it gives it up"]
pub struct Accepted<M: Module>(Hold<M>);

impl<M: Module> Accepted<M> {
    pub(crate) const fn new(attach: Hold<M>) -> Self {
        Self(attach)
    }

    /// Returns `true` if this is the client of `binding`: for a provider that keeps several,
    /// and drops one of them in [`Module::detaching`]. Any IRQL.
    #[must_use]
    pub fn is_of(&self, binding: &Binding<M>) -> bool {
        self.0.0 == NonNull::from(binding)
    }

    /// Returns the hold of the binding, through which the client may now be called.
    ///
    /// # Safety
    ///
    /// The attach is committed: the provider's attach callback has returned. For clients
    /// that were attached during the provider's registration, that is so once the
    /// registration has returned. For clients that register later NMR does not report it:
    /// the provider must know it from the NPI, or from the client's driver.
    pub unsafe fn committed(self) -> Hold<M> {
        self.0
    }
}

impl<M: Module> Drop for Hold<M> {
    fn drop(&mut self) {
        // The handle is copied first: unless this is the last hold, the binding may be freed
        // once its count is gone.
        let handle = self.binding().handle;
        let gate = &raw const self.binding().gate;
        // SAFETY: by the invariant this hold is in flight, and the gate is not touched after
        // this.
        if unsafe { Gate::leave(gate) } == Leave::LastOut {
            // SAFETY: the gate is closed, and nothing is in flight. The detach callback found
            // this hold in flight and so returns `STATUS_PENDING`, and `LastOut` is returned
            // once.
            unsafe { handle.detach_complete() };
        }
    }
}
