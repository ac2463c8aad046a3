// SPDX-License-Identifier: MIT OR Apache-2.0

//! The provider's end: requests that were submitted to it.
//!
//! A module answers a [`Submitted`] request at once, or makes it a [`Pended`] one
//! and completes that later, from any thread. There is no other way to an
//! [`Answer`], and a pended request that is dropped is completed as cancelled:
//! every request is completed exactly once.

use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU32, Ordering};

use super::{ProviderArea, Requests, area, body};
use crate::abi::NTSTATUS;
use crate::binding::{Binding, Hold};
use crate::inbox::{Item, Link};
use crate::layout::checked_pointer;
use crate::module::Module;
use crate::role::Provider;
use crate::{NtStatus, Result};

/// A module that is sent requests.
pub trait RequestProvider: Module<Role = Provider, Npi: Requests> {
    /// The limit of the requests that are pending through a binding, always the same:
    /// a request leaves this when it ends. Bindings may share one.
    fn limit(binding: &Self::Binding) -> &RequestLimit;

    /// A client's request: answers it at once or keeps it. Must not block.
    /// IRQL <= `DISPATCH_LEVEL`.
    fn submit<'call>(&self, request: Submitted<'call, Self>) -> Answer<'call>;

    /// A request was refused before it reached the module. Must not block.
    /// IRQL <= `DISPATCH_LEVEL`.
    fn refused(&self, status: NtStatus) {
        let _ = status;
    }
}

/// The limit of the pending requests of one binding. Requests above it are refused with
/// `STATUS_DEVICE_BUSY`.
#[derive(Debug)]
pub struct RequestLimit {
    pending: AtomicU32,
    most: u32,
}

impl RequestLimit {
    /// At most `most` at a time.
    #[must_use]
    pub const fn new(most: u32) -> Self {
        Self {
            pending: AtomicU32::new(0),
            most,
        }
    }

    fn enter(&self) -> Result {
        let more = |pending: u32| (pending < self.most).then(|| pending.wrapping_add(1));
        self.pending
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .map(drop)
            .map_err(|_| NtStatus::DEVICE_BUSY)
    }

    fn leave(&self) {
        self.pending.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The function of a provider's table that takes a request: [`Submit`](super::Submit).
///
/// It refuses with `STATUS_INVALID_PARAMETER` a malformed request, with
/// `STATUS_DEVICE_NOT_READY` one that meets a detach, and with
/// `STATUS_DEVICE_BUSY` one above the [limit](RequestLimit).
/// IRQL <= `DISPATCH_LEVEL`.
///
/// # Safety
///
/// Called by a client that keeps the contract of the NPI, with the binding context
/// that this module gave it, while the binding is attached.
pub unsafe extern "system" fn dispatch_submit<M: RequestProvider>(
    context: *mut c_void,
    request: *mut <M::Npi as Requests>::Request,
) -> NTSTATUS {
    // SAFETY: by this function's contract.
    let binding = unsafe { Binding::<M>::from_context(context) };
    // SAFETY: by the contract of the NPI the request is the provider's now.
    match unsafe { Submitted::new(binding, request) } {
        Ok(request) => binding.module().submit(request).0.0,
        Err(status) => {
            binding.module().refused(status);
            status.0
        }
    }
}

/// The function of a provider's table that hurries a request:
/// [`Cancel`](super::Cancel). The module sees it as [`Pended::is_cancelled`].
/// IRQL <= `DISPATCH_LEVEL`.
///
/// # Safety
///
/// Called by a client that keeps the contract of the NPI, with a request that was
/// pended and is not reused before this returns.
pub unsafe extern "system" fn dispatch_cancel<N: Requests>(
    _context: *mut c_void,
    request: *mut N::Request,
) {
    // SAFETY: by this function's contract the request is there, and neither side
    // changes its header.
    let Ok(request) = (unsafe { checked_pointer(request) }) else {
        return;
    };
    // SAFETY: the request is valid.
    let area = unsafe { area::<N>(request.as_ptr()) };
    // SAFETY: the area is valid, and this field is shared by being atomic.
    unsafe { &(*area).cancelled }.store(1, Ordering::Relaxed);
}

/// A request in the provider's hands.
///
/// # Invariants
///
/// `request` was checked, and is the provider's. It has entered the limit of the
/// binding.
struct Accepted<M: RequestProvider> {
    request: NonNull<<M::Npi as Requests>::Request>,
    hold: Hold<M>,
}

impl<M: RequestProvider> Accepted<M> {
    /// The body, which is the provider's.
    fn body(&self) -> *mut <M::Npi as Requests>::Body {
        // SAFETY: by the invariant the request is valid.
        unsafe { body::<M::Npi>(self.request.as_ptr()) }
    }

    fn set_status(&mut self, status: NtStatus) {
        // SAFETY: by the invariant the body is the provider's.
        let body = unsafe { &mut *self.body() };
        <M::Npi as Requests>::set_status(body, status);
    }
}

impl<M: RequestProvider> Drop for Accepted<M> {
    fn drop(&mut self) {
        M::limit(self.hold.binding().context()).leave();
    }
}

/// The result of [`RequestProvider::submit`]: only a request that was answered or
/// pended yields one. Each belongs to its own request: `'call` is no other's.
#[must_use = "the client waits for its answer"]
#[derive(Debug)]
pub struct Answer<'call>(NtStatus, Brand<'call>);

/// A lifetime that neither grows nor shrinks into another.
type Brand<'call> = PhantomData<fn(&'call ()) -> &'call ()>;

/// A request that a client has just submitted. It reads and writes as its body.
#[must_use = "a request is answered or pended"]
pub struct Submitted<'call, M: RequestProvider>(Accepted<M>, Brand<'call>);

impl<'call, M: RequestProvider> Submitted<'call, M> {
    /// # Safety
    ///
    /// A valid `request` is the provider's until it has been answered.
    unsafe fn new(
        binding: &Binding<M>,
        request: *mut <M::Npi as Requests>::Request,
    ) -> Result<Self> {
        // SAFETY: by this function's contract.
        let request = unsafe { checked_pointer(request) }?;
        // SAFETY: the request is valid.
        let body = unsafe { body::<M::Npi>(request.as_ptr()) };
        // SAFETY: the body is the provider's.
        M::Npi::check(unsafe { &*body }).map_err(NtStatus::or_unsuccessful)?;
        let call = binding.enter().ok_or(NtStatus::DEVICE_NOT_READY)?;
        // The client calls: its attach is committed.
        call.add_to_list();
        M::limit(binding.context()).enter()?;
        let hold = call.hold();
        Ok(Self(Accepted { request, hold }, PhantomData))
    }

    /// The binding through which the request came.
    #[must_use]
    pub const fn binding(&self) -> &Binding<M> {
        self.0.hold.binding()
    }

    /// Answers the request at once. `STATUS_PENDING` is no answer, and counts as
    /// `STATUS_UNSUCCESSFUL`. IRQL <= `DISPATCH_LEVEL`.
    pub fn answer(mut self, status: NtStatus) -> Answer<'call> {
        let status = status.or_not_pending();
        self.0.set_status(status);
        Answer(status, PhantomData)
    }

    /// Keeps the request for later. It may be completed, on another thread,
    /// before the answer has been returned. IRQL <= `DISPATCH_LEVEL`.
    pub fn pend(self) -> (Pended<M>, Answer<'call>) {
        let accepted = ManuallyDrop::new(self.0);
        // SAFETY: the request is valid.
        let area = unsafe { area::<M::Npi>(accepted.request.as_ptr()) };
        // SAFETY: the area is the provider's, and shared by being atomic.
        let area = unsafe { &*area };
        // SAFETY: `accepted` is not dropped: the reference moves into the area.
        let hold = unsafe { ptr::read(&raw const accepted.hold) };
        area.cancelled.store(0, Ordering::Relaxed);
        let binding = hold.into_raw().as_ptr().cast();
        area.binding.store(binding, Ordering::Relaxed);
        (
            Pended(accepted.request, PhantomData),
            Answer(NtStatus::PENDING, PhantomData),
        )
    }
}

impl<M: RequestProvider> Deref for Submitted<'_, M> {
    type Target = <M::Npi as Requests>::Body;

    fn deref(&self) -> &Self::Target {
        // SAFETY: by the invariant of `Accepted` the body is the provider's.
        unsafe { &*self.0.body() }
    }
}

impl<M: RequestProvider> DerefMut for Submitted<'_, M> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        // SAFETY: by the invariant of `Accepted` the body is the provider's.
        unsafe { &mut *self.0.body() }
    }
}

/// A request that the provider keeps. It reads and writes as its body. Dropped, it is
/// completed as cancelled.
///
/// # Invariants
///
/// It stands for an `Accepted`, whose hold is in the request's area.
#[must_use = "the client waits for the completion"]
pub struct Pended<M: RequestProvider>(NonNull<<M::Npi as Requests>::Request>, PhantomData<Hold<M>>);

// SAFETY: the request is the provider's, its body is `Send`, and so is a reference to
// a binding.
unsafe impl<M: RequestProvider> Send for Pended<M> {}
// SAFETY: a shared reference gives a shared body, which is `Sync`, and atomics.
unsafe impl<M: RequestProvider> Sync for Pended<M> {}

impl<M: RequestProvider> Pended<M> {
    fn area(&self) -> &ProviderArea {
        // SAFETY: by the invariant the request is kept.
        let area = unsafe { area::<M::Npi>(self.0.as_ptr()) };
        // SAFETY: the area is the provider's, and shared by being atomic.
        unsafe { &*area }
    }

    fn raw_binding(&self) -> NonNull<Binding<M>> {
        let raw = self.area().binding.load(Ordering::Relaxed);
        // SAFETY: by the invariant the area holds a reference, which is not null.
        unsafe { NonNull::new_unchecked(raw.cast()) }
    }

    /// The binding through which the request came.
    #[must_use]
    pub fn binding(&self) -> &Binding<M> {
        // SAFETY: by the invariant the area holds a reference to the binding.
        unsafe { &*self.raw_binding().as_ptr() }
    }

    /// Keeps the binding attached beyond the completion. Any IRQL.
    pub fn hold(&self) -> Hold<M> {
        // SAFETY: the reference is in the area; this copy of it is not dropped.
        let held = ManuallyDrop::new(unsafe { Hold::from_raw(self.raw_binding()) });
        held.add_ref()
    }

    /// Returns `true` if the client has cancelled the request.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.area().cancelled.load(Ordering::Relaxed) != 0
    }

    /// Completes the request. `STATUS_PENDING` completes nothing, and counts as
    /// `STATUS_UNSUCCESSFUL`. IRQL <= `DISPATCH_LEVEL`, no lock held: the client runs.
    pub fn complete(self, status: NtStatus) {
        let raw = self.raw_binding();
        let request = ManuallyDrop::new(self).0;
        // SAFETY: `pend` put the reference there, and this takes it back, once.
        let hold = unsafe { Hold::from_raw(raw) };
        let mut accepted = Accepted { request, hold };
        accepted.set_status(status.or_not_pending());
        // Out of the limit before the client hears of it and submits again.
        let hold = accepted.hold.add_ref();
        drop(accepted);
        let complete = |peer: crate::Peer<'_, M>| {
            if let Some(complete) = M::Npi::complete_of(peer.table()) {
                // SAFETY: the client is attached, the request is its own, and
                // is completed here only.
                unsafe { complete(peer.context(), request.as_ptr()) };
            }
        };
        // SAFETY: held since the client's submission, which the gate let in; the
        // completion belongs to it.
        unsafe { hold.complete(complete) };
    }
}

impl<M: RequestProvider> Deref for Pended<M> {
    type Target = <M::Npi as Requests>::Body;

    fn deref(&self) -> &Self::Target {
        // SAFETY: by the invariant the request is kept.
        let body = unsafe { body::<M::Npi>(self.0.as_ptr()) };
        // SAFETY: the body is the provider's.
        unsafe { &*body }
    }
}

impl<M: RequestProvider> DerefMut for Pended<M> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        // SAFETY: by the invariant the request is kept.
        let body = unsafe { body::<M::Npi>(self.0.as_ptr()) };
        // SAFETY: the body is the provider's.
        unsafe { &mut *body }
    }
}

impl<M: RequestProvider> Drop for Pended<M> {
    fn drop(&mut self) {
        Self(self.0, PhantomData).complete(NtStatus::CANCELLED);
    }
}

// SAFETY: the link is the first field of the area of a request that the provider
// keeps and nobody else touches.
unsafe impl<M: RequestProvider> Item for Pended<M> {
    fn into_link(self) -> NonNull<Link> {
        let request = ManuallyDrop::new(self).0;
        // SAFETY: the request is kept.
        let area = unsafe { area::<M::Npi>(request.as_ptr()) };
        // SAFETY: the address of a field is not null.
        unsafe { NonNull::new_unchecked(area.cast()) }
    }

    unsafe fn from_link(link: NonNull<Link>) -> Self {
        // SAFETY: the link is that of an area, and the request begins that far
        // before it.
        let request = unsafe { link.byte_sub(<M::Npi as Requests>::AREA) };
        Self(request.cast(), PhantomData)
    }
}
