// SPDX-License-Identifier: MIT OR Apache-2.0

//! One end of an attach, and the calls through it.

use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};

use super::abi::GUID;
use super::bindings::{self, Node};
use super::gate::{Gate, Leave};
use super::handle::BindingHandle;
use super::module::Module;
use super::registration::Registered;
use super::role::Role;
use crate::{Result, memory};

/// The dispatch table of a module's peer.
type PeerDispatch<M> = <<<M as Module>::Role as Role>::Peer as Role>::Dispatch<<M as Module>::Npi>;

/// A module's end of a binding: NMR's binding context.
///
/// # Invariants
///
/// - It lives, at one address, from before NMR is told of it until its cleanup
///   callback; `module` lives longer.
/// - `peer` is written before the gate opens and never after.
pub struct Binding<M: Module> {
    gate: Gate,
    handle: BindingHandle<M::Role>,
    module: NonNull<Registered<M>>,
    peer: UnsafeCell<PeerCalls<M>>,
    peer_id: Option<GUID>,
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

/// Where the peer's functions are, and the context they want.
pub struct PeerCalls<M: Module> {
    /// The peer's dispatch table; valid while a call is in flight.
    dispatch: *const PeerDispatch<M>,
    /// The peer's binding context, the first argument of every function.
    context: *mut c_void,
}

impl<M: Module> PeerCalls<M> {
    /// The peer's functions.
    #[must_use]
    pub const fn dispatch(&self) -> &PeerDispatch<M> {
        // SAFETY: the value is only lent out by an `InFlight`, so that the
        // table was checked and the peer keeps it until this side detached.
        unsafe { &*self.dispatch }
    }

    /// The peer's binding context.
    #[must_use]
    pub const fn context(&self) -> *mut c_void {
        self.context
    }
}

impl<M: Module> Binding<M> {
    /// A binding with an unopened gate; `None` in place of a peer. The attach
    /// is in flight: the caller ends it with the [`InFlight`] it gets.
    ///
    /// IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Safety
    ///
    /// `module` outlives the binding.
    pub(super) unsafe fn new(
        handle: BindingHandle<M::Role>,
        module: NonNull<Registered<M>>,
        peer_id: Option<GUID>,
        context: M::Binding,
    ) -> Result<NonNull<Self>> {
        let peer = UnsafeCell::new(PeerCalls {
            dispatch: ptr::null(),
            context: ptr::null_mut(),
        });
        memory::try_box(Self {
            gate: Gate::new(),
            handle,
            module,
            peer,
            peer_id,
            node: Node::new(),
            context,
        })
        .map(|binding| NonNull::from(Box::leak(binding)))
    }

    /// Frees a binding.
    ///
    /// # Safety
    ///
    /// `binding` came from [`new`](Self::new), nobody uses it, and it is freed
    /// once.
    pub(super) unsafe fn free(binding: NonNull<Self>) {
        // SAFETY: by this function's contract.
        unsafe { bindings::unlist(binding) };
        // SAFETY: by this function's contract.
        drop(unsafe { Box::from_raw(binding.as_ptr()) });
    }

    /// Stores the peer and lets calls begin.
    ///
    /// # Safety
    ///
    /// Called once. `dispatch` is a checked table which the peer, and
    /// `context` with it, keeps valid until both sides have detached.
    pub(super) unsafe fn open(&self, dispatch: &PeerDispatch<M>, context: *mut c_void) {
        // SAFETY: the gate is not open yet, and by this function's contract
        // nobody else writes.
        unsafe { *self.peer.get() = PeerCalls { dispatch, context } };
        self.gate.open();
    }

    /// The binding whose context a peer's call, or NMR, passed in.
    ///
    /// # Safety
    ///
    /// `context` is what a module of type `M` handed out as its binding
    /// context, and the binding is attached: its cleanup callback has not been
    /// called during `'call`.
    #[must_use]
    pub const unsafe fn from_context<'call>(context: *mut c_void) -> &'call Self {
        // SAFETY: by this function's contract.
        unsafe { &*context.cast::<Self>() }
    }

    /// Begins a call to the peer; `None` once the detach callback has been
    /// entered, or before the attach is committed. Any IRQL.
    #[must_use]
    pub fn enter(&self) -> Option<InFlight<M>> {
        self.gate
            .enter()
            .then(|| InFlight(NonNull::from(self), PhantomData))
    }

    /// The module.
    #[must_use]
    pub const fn module(&self) -> &M {
        // SAFETY: by the invariant the module outlives the binding.
        unsafe { self.module.as_ref() }.module()
    }

    /// The GUID by which the peer identifies itself, if it does.
    #[must_use]
    pub const fn peer_id(&self) -> Option<GUID> {
        self.peer_id
    }

    /// Its place in the list of bindings.
    pub(super) const fn node(&self) -> &Node<M> {
        &self.node
    }

    /// What the module keeps for this peer.
    #[must_use]
    pub const fn context(&self) -> &M::Binding {
        &self.context
    }

    /// Whether the peer's dispatch table serves this binding.
    pub(super) fn usable(&self, table: &PeerDispatch<M>) -> bool {
        M::usable(&self.context, table)
    }

    /// The detach callback: closes the gate. `STATUS_PENDING` is owed where
    /// the answer is [`Leave::NotLast`]; then the last call in flight
    /// completes the detach, and the binding may be gone, before this returns.
    ///
    /// # Safety
    ///
    /// `this` is a binding that is attached, and this is its one detach.
    pub(super) unsafe fn detach(this: *const Self) -> Leave {
        // SAFETY: by this function's contract the binding is valid.
        let gate = unsafe { &raw const (*this).gate };
        // SAFETY: as above; nothing is touched after the gate has closed.
        unsafe { Gate::close(gate) }
    }
}

/// A call in flight, or what is left of one: a request that the peer has not
/// completed yet. While it lives the binding stays attached.
///
/// The last one of a binding that is detaching tells NMR so when it is dropped,
/// at IRQL <= `DISPATCH_LEVEL` and with no lock held.
///
/// # Invariants
///
/// One count of the binding's gate belongs to it.
#[must_use = "dropping it ends the call"]
pub struct InFlight<M: Module>(NonNull<Binding<M>>, PhantomData<Binding<M>>);

// SAFETY: a binding is `Send` and `Sync`, and NMR takes completions from any
// thread.
unsafe impl<M: Module> Send for InFlight<M> {}
// SAFETY: as above; all that a shared reference gives is a shared binding.
unsafe impl<M: Module> Sync for InFlight<M> {}

impl<M: Module> InFlight<M> {
    /// The call that is the attach itself.
    ///
    /// # Safety
    ///
    /// `binding` is fresh from [`Binding::new`], whose count this takes over.
    pub(super) const unsafe fn attach(binding: NonNull<Binding<M>>) -> Self {
        Self(binding, PhantomData)
    }

    /// The binding.
    #[must_use]
    pub const fn binding(&self) -> &Binding<M> {
        // SAFETY: by the invariant the detach is not complete, and so the
        // binding not cleaned up.
        unsafe { self.0.as_ref() }
    }

    /// The peer, to be called as part of this call.
    #[must_use]
    pub const fn peer(&self) -> &PeerCalls<M> {
        // SAFETY: this is in flight, so the gate was open, or the attach is
        // still under way on this thread; `peer` is not written any more.
        unsafe { &*self.binding().peer.get() }
    }

    /// A second handle of the same call, for the end that outlives this one.
    /// Succeeds while detaching: nothing new begins.
    pub fn again(&self) -> Self {
        self.binding().gate.again();
        Self(self.0, PhantomData)
    }

    /// Adds the binding to its module's [list](Module::bindings), where it
    /// stays until it is cleaned up. The second time has no effect.
    ///
    /// A client does this when it is [attached](Module::attached). A provider
    /// does it in a call of the client's, and not before: from then on the client
    /// may be called.
    pub fn list(&self) {
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
    pub(super) const fn raw(&self) -> NonNull<Binding<M>> {
        self.0
    }

    /// Gives the call up for a pointer, to be stored in a request.
    #[must_use = "the call stays in flight until `from_raw` takes it back"]
    pub fn into_raw(self) -> NonNull<Binding<M>> {
        ManuallyDrop::new(self).0
    }

    /// Takes a call back.
    ///
    /// # Safety
    ///
    /// `raw` came from [`into_raw`](Self::into_raw) and is taken back once.
    pub const unsafe fn from_raw(raw: NonNull<Binding<M>>) -> Self {
        Self(raw, PhantomData)
    }
}

impl<M: Module> Drop for InFlight<M> {
    fn drop(&mut self) {
        // What the completion needs is copied first: unless this is the last
        // one, the binding may be gone once it has left.
        let handle = self.binding().handle;
        let gate = &raw const self.binding().gate;
        // SAFETY: by the invariant this is in flight; nothing is touched after
        // it has left.
        if unsafe { Gate::leave(gate) } == Leave::LastOut {
            // SAFETY: the gate is closed and nobody in flight. The detach
            // callback found this one in flight, hence answers
            // `STATUS_PENDING`; there is one `LastOut`.
            unsafe { handle.detach_complete() };
        }
    }
}
