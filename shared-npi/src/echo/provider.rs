// SPDX-License-Identifier: MIT OR Apache-2.0

//! The provider's end of Echo: the functions of its dispatch table, and the
//! requests it has taken on.
//!
//! What comes in from a client is checked here and reaches the module as a
//! [`Submitted`]. The module answers at once, or makes it a [`Pended`] and
//! completes that later, from any thread. There is no other way to come by an
//! [`Answer`], and a pended request that is dropped is completed as cancelled:
//! every request is completed exactly once.

use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering};

use super::characteristics::Agreement;
use super::dispatch::{Notification, ProviderDispatch};
use super::request::{MAX_PENDING, Request};
use super::statistics::{Counters, Fate, Statistics};
use super::{Capabilities, Echo, VERSION};
use nmr::abi::NTSTATUS;
use nmr::header::{Header, checked, checked_pointer};
use nmr::inbox::{Item, Link};
use nmr::{Binding, InFlight, Module, Provider};
use nmr::{NtStatus, Result};

/// A module that provides Echo.
pub trait EchoProvider: Module<Role = Provider, Npi = Echo, Binding = ClientBinding> {
    /// A client's request: answer it at once or keep it. Must not block.
    /// IRQL <= `DISPATCH_LEVEL`.
    fn submit<'call>(&self, request: Submitted<'call, Self>) -> Answer<'call>;

    /// Where the module counts.
    fn counters(&self) -> &Counters;
}

/// What a provider keeps for one client.
#[derive(Debug)]
pub struct ClientBinding {
    agreement: Agreement,
    pending: AtomicU32,
    completed: AtomicU64,
}

impl ClientBinding {
    /// A binding under `agreement`.
    #[must_use]
    pub const fn new(agreement: Agreement) -> Self {
        Self {
            agreement,
            pending: AtomicU32::new(0),
            completed: AtomicU64::new(0),
        }
    }

    /// What the two modules have agreed on.
    #[must_use]
    pub const fn agreement(&self) -> &Agreement {
        &self.agreement
    }
}

/// The dispatch table of `M`.
#[must_use]
pub const fn dispatch<M: EchoProvider>() -> ProviderDispatch {
    ProviderDispatch {
        header: Header::of::<ProviderDispatch>(VERSION),
        submit: Some(submit::<M>),
        cancel: Some(cancel),
        query_statistics: Some(query_statistics::<M>),
    }
}

/// `submit` of the dispatch table. IRQL <= `DISPATCH_LEVEL`.
///
/// # Safety
///
/// Called by a client that keeps the contract of the NPI.
unsafe extern "system" fn submit<M: EchoProvider>(
    binding: *mut c_void,
    request: *mut Request,
) -> NTSTATUS {
    // SAFETY: a client passes the context that this provider gave it, and
    // calls only while it is attached.
    let binding = unsafe { Binding::<M>::from_context(binding) };
    // SAFETY: by the contract of the NPI the request is the provider's now.
    match unsafe { Submitted::new(binding, request) } {
        Ok(request) => binding.module().submit(request).0.0,
        Err(refused) => {
            binding.module().counters().count(Fate::Refused);
            refused.0
        }
    }
}

/// `cancel` of the dispatch table. IRQL <= `DISPATCH_LEVEL`.
///
/// # Safety
///
/// Called by a client that keeps the contract of the NPI.
unsafe extern "system" fn cancel(_binding: *mut c_void, request: *mut Request) {
    // SAFETY: by the contract of the NPI the request was pended, and the
    // client does not reuse it before this returns. Its header is left alone
    // meanwhile, whoever has the request.
    if let Ok(request) = unsafe { checked_pointer(request) } {
        // SAFETY: as above: it is being cancelled.
        unsafe { Area::of(request) }
            .cancelled
            .store(1, Ordering::Relaxed);
    }
}

/// `query_statistics` of the dispatch table. IRQL <= `DISPATCH_LEVEL`.
///
/// # Safety
///
/// Called by a client that keeps the contract of the NPI.
unsafe extern "system" fn query_statistics<M: EchoProvider>(
    binding: *mut c_void,
    statistics: *mut Statistics,
) -> NTSTATUS {
    // SAFETY: as in `submit`.
    let binding = unsafe { Binding::<M>::from_context(binding) };
    // SAFETY: by the contract of the NPI the client lends the structure.
    if let Err(refused) = unsafe { checked::<Statistics>(statistics) } {
        return refused.0;
    }
    // SAFETY: checked, and lent for writing.
    unsafe { statistics.write(binding.module().counters().snapshot()) };
    NtStatus::SUCCESS.0
}

/// What the provider keeps in [`Request::provider_area`] while a request is
/// pended.
#[repr(C)]
struct Area {
    link: Link,
    /// The binding, as [`InFlight::into_raw`] gave it.
    binding: AtomicPtr<c_void>,
    /// Not zero once the client has asked for haste.
    cancelled: AtomicU8,
}

const _: () = {
    assert!(size_of::<Area>() <= size_of::<[usize; 4]>());
    assert!(align_of::<Area>() <= align_of::<usize>());
};

impl Area {
    /// The area of a request.
    ///
    /// # Safety
    ///
    /// The request is the provider's, or being cancelled, during `'request`.
    unsafe fn of<'request>(request: NonNull<Request>) -> &'request Self {
        // SAFETY: by this function's contract the request is valid.
        let area = unsafe { &raw const (*request.as_ptr()).provider_area };
        // SAFETY: the area is large and aligned enough, asserted above, was
        // zeroed by the client, and zeros are an `Area`. All of it is behind
        // interior mutability.
        unsafe { &*area.cast() }
    }
}

/// A request in the provider's hands.
///
/// # Invariants
///
/// `request` was checked, and is the provider's. One of the pending requests
/// of the binding is this one.
struct Held<M: EchoProvider> {
    request: NonNull<Request>,
    call: InFlight<M>,
}

impl<M: EchoProvider> Held<M> {
    fn set_status(&self, status: NtStatus) {
        // SAFETY: by the invariant the request is the provider's to write.
        unsafe { (*self.request.as_ptr()).status = status.0 };
    }

    fn module(&self) -> &M {
        self.call.binding().module()
    }
}

impl<M: EchoProvider> Drop for Held<M> {
    fn drop(&mut self) {
        self.call
            .binding()
            .context()
            .pending
            .fetch_sub(1, Ordering::Relaxed);
    }
}

/// What `submit` returns: only a request that was answered or kept yields one.
/// Each goes with its own request: `'call` is no other's.
#[must_use = "the client waits for its answer"]
#[derive(Debug)]
pub struct Answer<'call>(NtStatus, Brand<'call>);

/// A lifetime that neither grows nor shrinks into another.
type Brand<'call> = PhantomData<fn(&'call ()) -> &'call ()>;

/// A request that a client has just submitted.
#[must_use = "a request is answered or pended"]
pub struct Submitted<'call, M: EchoProvider>(Held<M>, Brand<'call>);

impl<'call, M: EchoProvider> Submitted<'call, M> {
    /// # Safety
    ///
    /// A valid `request` is the provider's until it has been answered.
    unsafe fn new(binding: &Binding<M>, request: *mut Request) -> Result<Self> {
        // SAFETY: by this function's contract.
        let request: NonNull<Request> = unsafe { checked_pointer(request) }?;
        // SAFETY: checked, and nobody else's during this one look.
        if unsafe { request.as_ref() }.payload().is_none() {
            return Err(NtStatus::INVALID_PARAMETER);
        }
        let call = binding.enter().ok_or(NtStatus::DEVICE_NOT_READY)?;
        // The client calls: its attach is committed.
        call.list();
        // The count is raised first, so that `Held` lowers it in any case.
        let pending = binding.context().pending.fetch_add(1, Ordering::Relaxed);
        let held = Held { request, call };
        if pending < MAX_PENDING {
            Ok(Self(held, PhantomData))
        } else {
            Err(NtStatus::DEVICE_BUSY)
        }
    }

    /// The number the client gave the request.
    #[must_use]
    pub const fn id(&self) -> u64 {
        // SAFETY: by the invariant of `Held`.
        unsafe { (*self.0.request.as_ptr()).id }
    }

    /// Echoes the request at once. IRQL <= `DISPATCH_LEVEL`.
    pub fn echo_now(self) -> Answer<'call> {
        // SAFETY: by the invariant of `Held`.
        unsafe { echo(self.0.request) };
        self.0.set_status(NtStatus::SUCCESS);
        self.0.module().counters().count(Fate::CompletedAtOnce);
        Answer(NtStatus::SUCCESS, PhantomData)
    }

    /// Keeps the request for later. It may be completed, on another thread,
    /// before the answer has been returned. IRQL <= `DISPATCH_LEVEL`.
    pub fn pend(self) -> (Pended<M>, Answer<'call>) {
        self.0.module().counters().count(Fate::Pended);
        let held = ManuallyDrop::new(self.0);
        // SAFETY: by the invariant the request is the provider's.
        let area = unsafe { Area::of(held.request) };
        // SAFETY: `held` is not dropped: the call moves into the area.
        let call = unsafe { ptr::read(&raw const held.call) };
        area.cancelled.store(0, Ordering::Relaxed);
        area.binding
            .store(call.into_raw().as_ptr().cast(), Ordering::Relaxed);
        (
            Pended(held.request, PhantomData),
            Answer(NtStatus::PENDING, PhantomData),
        )
    }
}

/// A request that the provider keeps. Dropped, it is completed as cancelled.
///
/// # Invariants
///
/// It stands for a `Held`, whose call is in the request's `Area`.
#[must_use = "the client waits for the completion"]
pub struct Pended<M: EchoProvider>(NonNull<Request>, PhantomData<InFlight<M>>);

// SAFETY: the request is the provider's, and a call in flight is `Send`.
unsafe impl<M: EchoProvider> Send for Pended<M> {}

impl<M: EchoProvider> Pended<M> {
    /// Whether the client has asked for haste.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        // SAFETY: by the invariant the request is kept.
        unsafe { Area::of(self.0) }
            .cancelled
            .load(Ordering::Relaxed)
            != 0
    }

    /// Echoes the request and completes it. IRQL <= `DISPATCH_LEVEL`, no lock
    /// held: the client runs.
    pub fn echo(self) -> Completed<M> {
        // SAFETY: by the invariant the request is kept.
        unsafe { echo(self.0) };
        self.complete(NtStatus::SUCCESS, Fate::CompletedLater)
    }

    /// Completes the request as cancelled. IRQL <= `DISPATCH_LEVEL`, no lock
    /// held: the client runs.
    pub fn cancel(self) -> Completed<M> {
        self.complete(NtStatus::CANCELLED, Fate::Cancelled)
    }

    fn complete(self, status: NtStatus, fate: Fate) -> Completed<M> {
        let request = ManuallyDrop::new(self).0;
        // SAFETY: by the invariant the request is kept.
        let raw = unsafe { Area::of(request) }
            .binding
            .load(Ordering::Relaxed)
            .cast::<Binding<M>>();
        // SAFETY: by the invariant the area holds the call; a call's pointer
        // is not null.
        let raw = unsafe { NonNull::new_unchecked(raw) };
        // SAFETY: `pend` put it there, and this takes it back, once.
        let call = unsafe { InFlight::from_raw(raw) };
        let held = Held { request, call };
        held.set_status(status);
        held.module().counters().count(fate);
        // The place is free before the client hears of it and submits again.
        let call = held.call.again();
        drop(held);
        let binding = call.binding().context();
        let completed = binding
            .completed
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_add(1);
        let peer = call.peer();
        if let Some(complete) = peer.dispatch().complete {
            // SAFETY: the call is in flight, so the client is attached; the
            // request is its own, and is completed here only.
            unsafe { complete(peer.context(), request.as_ptr()) };
        }
        Completed { call, completed }
    }
}

impl<M: EchoProvider> Drop for Pended<M> {
    fn drop(&mut self) {
        drop(Self(self.0, PhantomData).cancel());
    }
}

// SAFETY: the link is in the provider area of a request that the provider keeps
// and nobody else touches.
unsafe impl<M: EchoProvider> Item for Pended<M> {
    fn into_link(self) -> NonNull<Link> {
        // SAFETY: the request is kept; its area begins with the link.
        let area = unsafe { &raw mut (*ManuallyDrop::new(self).0.as_ptr()).provider_area };
        // SAFETY: the address of a field is not null.
        unsafe { NonNull::new_unchecked(area.cast()) }
    }

    unsafe fn from_link(link: NonNull<Link>) -> Self {
        // SAFETY: the link is that of a request's area: the request begins
        // that far before it.
        let request = unsafe { link.byte_sub(core::mem::offset_of!(Request, provider_area)) };
        Self(request.cast(), PhantomData)
    }
}

/// A completion that has just been made; the call ends with it.
#[must_use = "dropping it ends the call"]
pub struct Completed<M: EchoProvider> {
    call: InFlight<M>,
    completed: u64,
}

impl<M: EchoProvider> Completed<M> {
    /// How many requests of this client have been completed so far.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.completed
    }

    /// Tells the client how far the provider is, unless it is detaching or
    /// does not want to know. IRQL <= `DISPATCH_LEVEL`, no lock held.
    pub fn notify_progress(self) {
        let binding = self.call.binding();
        if !binding
            .context()
            .agreement
            .capabilities
            .contains(Capabilities::NOTIFY)
        {
            return;
        }
        // A notification is a new call: it passes the gate.
        let Some(call) = binding.enter() else { return };
        let peer = call.peer();
        if let Some(notify) = peer.dispatch().notify {
            // SAFETY: the call is in flight, so the client is attached.
            unsafe { notify(peer.context(), Notification::PROGRESS, self.completed) };
        }
    }
}

/// Copies the payload of a request to its reply.
///
/// # Safety
///
/// The request is the provider's.
unsafe fn echo(request: NonNull<Request>) {
    let request = request.as_ptr();
    // SAFETY: by this function's contract.
    let payload = unsafe { (*request).payload };
    // SAFETY: as above.
    unsafe { (*request).reply = payload };
}
