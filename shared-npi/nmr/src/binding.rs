// SPDX-License-Identifier: MIT OR Apache-2.0

//! One end of an attach, and the calls through it.
//!
//! | value | what it is | to the peer |
//! |---|---|---|
//! | [`Call`] | a call that begins now, on this thread | makes one call |
//! | [`Hold`] | one reference: the binding stays attached | cannot call |
//!
//! A call comes from [`Binding::enter`] only, which fails once the detach callback
//! has been entered, and makes one call. So a module that keeps the binding
//! attached cannot, by that, call a peer that it must no longer call.

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
/// - It lives, at one address, from before NMR is told of it until its cleanup
///   callback; the block lives longer.
/// - `peer` is written before the gate opens and never after. Once the gate is
///   open, the peer's table has been checked.
pub struct Binding<M: Module> {
    gate: Gate<Chosen<M>>,
    handle: BindingHandle<M::Role>,
    block: NonNull<Block<M>>,
    peer: UnsafeCell<MaybeUninit<StoredPeer<M>>>,
    peer_id: Option<ModuleId>,
    node: Node<M>,
    context: M::Binding,
}

// SAFETY: the gate is atomic, the handle and the context are `Sync`, the module
// is `Sync`, the node is its list's, and `peer` is only written while no other
// thread can read it: the gate's release on opening and acquire on entering
// order the two.
unsafe impl<M: Module> Sync for Binding<M> {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl<M: Module> Send for Binding<M> {}

/// The gate that the module chose.
struct Chosen<M>(PhantomData<M>);

impl<M: Module> Choice for Chosen<M> {
    const WORDS: GateWords = M::GATE;
}

/// The peer's dispatch table, which was checked, and binding context. Both are valid
/// while a call is in flight.
struct StoredPeer<M: Module> {
    table: PeerDispatch<'static, M>,
    context: *mut c_void,
}

/// The peer, while it is called.
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
    /// A binding with an unopened gate and no peer yet. The attach itself counts as
    /// a call in flight: the caller gets its [`Hold`] by [`Hold::attach`].
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

    /// Frees a binding. Returns its registration block, and the identity of the peer.
    ///
    /// # Safety
    ///
    /// `binding` came from [`new`](Self::new), nobody uses it, and it is freed
    /// once. The block is alive during `'block`.
    pub(crate) unsafe fn free<'block>(
        binding: NonNull<Self>,
    ) -> (&'block Block<M>, Option<ModuleId>) {
        // SAFETY: by this function's contract the binding is alive and unused.
        unsafe { bindings::unlist(binding) };
        // SAFETY: by this function's contract it is a leaked box, freed once.
        let binding = unsafe { Box::from_raw(binding.as_ptr()) };
        // SAFETY: the block is alive during `'block`, by this function's contract.
        let block = unsafe { binding.block.as_ref() };
        let peer = binding.peer_id;
        drop(binding);
        block.peer_left();
        (block, peer)
    }

    /// Stores the peer and opens the gate, if the module accepts what the peer has
    /// handed over. Returns `true` if it does.
    ///
    /// # Safety
    ///
    /// Called once, before anybody else has the binding. What the peer has handed
    /// over is of the NPI of `M`, and the peer keeps it valid until both sides have
    /// detached.
    pub(crate) unsafe fn open(&self, dispatch: *const c_void, context: *mut c_void) -> bool {
        if context.is_null() && !<M::Npi as Npi>::CONTEXT_MAY_BE_NULL {
            return false;
        }
        // SAFETY: by this function's contract. It is used as long as the peer keeps
        // it valid: while a call is in flight.
        let Ok(table) = (unsafe { PeerTable::<M>::see::<'static>(dispatch) }) else {
            return false;
        };
        if !M::accepts_dispatch(&self.context, PeerTable::<M>::shorten(table)) {
            return false;
        }
        // SAFETY: the gate is not open yet, and by this function's contract
        // nobody else has the binding.
        unsafe { *self.peer.get() = MaybeUninit::new(StoredPeer { table, context }) };
        self.gate.open();
        true
    }

    /// The binding whose context a peer's call, or NMR, passed in.
    ///
    /// # Safety
    ///
    /// `context` is what a module of type `M` handed out as its binding
    /// context, and the binding is attached: its cleanup callback is not
    /// called during `'call`.
    #[must_use]
    pub const unsafe fn from_context<'call>(context: *mut c_void) -> &'call Self {
        // SAFETY: by this function's contract.
        unsafe { &*context.cast::<Self>() }
    }

    /// Begins a call to the peer; `None` once the detach callback has been
    /// entered, and before the attach is committed. Any IRQL.
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

    /// Its place in the list of bindings.
    pub(crate) const fn node(&self) -> &Node<M> {
        &self.node
    }

    /// The module's own context for this peer.
    #[must_use]
    pub const fn context(&self) -> &M::Binding {
        &self.context
    }

    /// The detach callback: closes the gate and lets the module know. Returns
    /// `STATUS_SUCCESS` if nothing is in flight, else `STATUS_PENDING`: then
    /// the last hold completes the detach when it is dropped, and the binding may be
    /// gone, before this returns.
    ///
    /// # Safety
    ///
    /// `this` is a binding that is attached, and this is its one detach callback.
    pub(crate) unsafe fn detach(this: NonNull<Self>) -> NTSTATUS {
        // SAFETY: by this function's contract the binding is attached: it stays
        // until this side has detached, which the reference below holds off.
        let binding = unsafe { this.as_ref() };
        binding.gate.add_ref();
        // SAFETY: the gate is valid, and this is its one close.
        let closed = unsafe { Gate::close(&raw const binding.gate) };
        debug_assert_eq!(closed, Leave::NotLast, "this callback has a reference");
        binding.module().trace(Event::Detach {
            peer: binding.peer_id,
            // All but the reference from above.
            in_flight: binding.gate.in_flight().saturating_sub(1),
        });
        binding.module().detaching(binding);
        // SAFETY: the reference from above is in flight; the binding is not touched
        // after it.
        match unsafe { Gate::leave(&raw const binding.gate) } {
            Leave::LastOut => NtStatus::SUCCESS.0,
            Leave::NotLast => NtStatus::PENDING.0,
        }
    }
}

/// The peer's dispatch table, as the NPI describes it.
type PeerTable<M> = <<<M as Module>::Role as Role>::Peer as Role>::Dispatch<<M as Module>::Npi>;

/// A call to the peer that may be made now, by this thread.
///
/// It was let in by the gate, and [`make`](Self::make) uses it up: each call passes
/// the gate for itself. Dropping it ends it without a call.
#[must_use = "dropping it ends the call"]
pub struct Call<'binding, M: Module>(
    Hold<M>,
    // Of one thread, so that it cannot wait elsewhere for a detach to go by.
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

    /// The call that `entered`, a reference that the gate has let in, stands for, on
    /// the binding of `place`.
    pub(crate) const fn entered(_place: &'binding Hold<M>, entered: Hold<M>) -> Self {
        Self(entered, PhantomData)
    }

    /// The reference that the gate has let in, to be a call again by
    /// [`entered`](Self::entered).
    pub(crate) fn into_entered(self) -> Hold<M> {
        self.0
    }

    /// Makes the call: `body` calls one function of the peer's.
    /// IRQL <= `DISPATCH_LEVEL`, no lock held: the peer runs.
    pub fn make<R>(self, body: impl FnOnce(Peer<'_, M>) -> R) -> R {
        // SAFETY: the gate has let this in, so that it was open: the table was
        // checked. The peer keeps it while this is in flight.
        unsafe { self.0.with_peer(body) }
    }

    /// Keeps the binding attached after the call: for a request that the peer is to
    /// complete later.
    pub fn hold(&self) -> Hold<M> {
        self.0.add_ref()
    }

    /// Adds the binding to its [module's list](Module::bindings), where it stays
    /// until it is cleaned up. The second time has no effect.
    ///
    /// A client does this when it is [attached](Module::attached). A provider
    /// does it in a call of the client's, and not before: from then on the client
    /// may be called. IRQL <= `DISPATCH_LEVEL`.
    pub fn add_to_list(&self) {
        self.0.add_to_list();
    }
}

/// A reference to a binding: while it lives the binding stays attached. It cannot
/// call.
///
/// The last one of a binding that is detaching tells NMR so when it is dropped,
/// at IRQL <= `DISPATCH_LEVEL` and with no lock held. One that is never dropped
/// keeps the deregistration from completing: see [`Module::detaching`].
///
/// # Invariants
///
/// One count of the binding's gate belongs to it.
#[must_use = "dropping it gives it up"]
pub struct Hold<M: Module>(NonNull<Binding<M>>, PhantomData<Binding<M>>);

// SAFETY: a binding is `Send` and `Sync`, and NMR takes completions from any
// thread.
unsafe impl<M: Module> Send for Hold<M> {}
// SAFETY: all that a shared reference gives is a shared binding, which is `Sync`.
unsafe impl<M: Module> Sync for Hold<M> {}

impl<M: Module> Hold<M> {
    /// The reference that is the attach itself.
    ///
    /// # Safety
    ///
    /// `binding` is fresh from [`Binding::new`], whose count this takes over.
    pub(crate) const unsafe fn attach(binding: NonNull<Binding<M>>) -> Self {
        Self(binding, PhantomData)
    }

    /// The binding.
    #[must_use]
    pub const fn binding(&self) -> &Binding<M> {
        // SAFETY: by the invariant the detach is not complete, and so the
        // binding not cleaned up.
        unsafe { self.0.as_ref() }
    }

    /// Another reference to the same binding. Any IRQL.
    pub fn add_ref(&self) -> Self {
        self.binding().gate.add_ref();
        Self(self.0, PhantomData)
    }

    /// Makes a call that is due although the binding may be detaching: the
    /// completion of a request that the peer has waited for since before.
    /// IRQL <= `DISPATCH_LEVEL`, no lock held: the peer runs.
    ///
    /// # Safety
    ///
    /// This was held since a call or request of the peer's, or of this side's,
    /// that began before the detach callback, and by the contract of the NPI the
    /// call that `body` makes belongs to it. It is not the hold of an attach.
    pub unsafe fn complete<R>(self, body: impl FnOnce(Peer<'_, M>) -> R) -> R {
        // SAFETY: the gate had let in what this was held for, so that it was open:
        // the table was checked. The peer keeps it while this is in flight.
        unsafe { self.with_peer(body) }
    }

    /// Lends the peer to `body`.
    ///
    /// # Safety
    ///
    /// The gate has been open.
    unsafe fn with_peer<R>(&self, body: impl FnOnce(Peer<'_, M>) -> R) -> R {
        // SAFETY: by this function's contract `peer` has been written, and it is not
        // written again.
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
            // SAFETY: a call is in flight. What is borrowed from the module
            // for as long as one likes lives as long as the module, which the
            // binding does not outlive.
            unsafe { list.add(self.0) };
        }
    }

    /// The binding's address.
    pub(crate) const fn raw(&self) -> NonNull<Binding<M>> {
        self.0
    }

    /// Gives the reference up for a pointer, to be stored in a request.
    #[must_use = "the binding stays attached until `from_raw` takes it back"]
    pub fn into_raw(self) -> NonNull<Binding<M>> {
        ManuallyDrop::new(self).0
    }

    /// Takes a reference back.
    ///
    /// # Safety
    ///
    /// `raw` came from [`into_raw`](Self::into_raw) and is taken back once.
    pub const unsafe fn from_raw(raw: NonNull<Binding<M>>) -> Self {
        Self(raw, PhantomData)
    }
}

/// A client that a provider has accepted, in an attach that is not committed before
/// the provider's attach callback has returned: [`Module::accepted`].
///
/// It keeps the binding attached. Where clients call nothing, it is how a provider
/// comes by a binding that it may call through.
#[must_use = "dropping it gives it up"]
pub struct Accepted<M: Module>(Hold<M>);

impl<M: Module> Accepted<M> {
    pub(crate) const fn new(attach: Hold<M>) -> Self {
        Self(attach)
    }

    /// Returns `true` if this is the client of `binding`: for a provider that keeps
    /// several, and gives up one of them in [`Module::detaching`]. Any IRQL.
    #[must_use]
    pub fn is_of(&self, binding: &Binding<M>) -> bool {
        self.0.0 == NonNull::from(binding)
    }

    /// The binding, through which the client may be called.
    ///
    /// # Safety
    ///
    /// The attach is committed: the provider's attach callback has returned. NMR says
    /// so of clients that were attached inside the provider's registration, when that
    /// has returned. Of those that register later it says nothing: the provider knows
    /// it by the NPI, or by the client's own driver.
    pub unsafe fn committed(self) -> Hold<M> {
        self.0
    }
}

impl<M: Module> Drop for Hold<M> {
    fn drop(&mut self) {
        // What the completion needs is copied first: unless this is the last
        // one, the binding may be gone once it has left.
        let handle = self.binding().handle;
        let gate = &raw const self.binding().gate;
        // SAFETY: by the invariant this is in flight; nothing is touched after
        // it has left.
        if unsafe { Gate::leave(gate) } == Leave::LastOut {
            // SAFETY: the gate is closed and nobody in flight. The detach
            // callback found this one in flight, hence returns
            // `STATUS_PENDING`; there is one `LastOut`.
            unsafe { handle.detach_complete() };
        }
    }
}
