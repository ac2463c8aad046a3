// SPDX-License-Identifier: MIT OR Apache-2.0

//! The provider's end: answering and completing requests.
//!
//! A module answers a [`Submitted`] request at once, or turns it into a [`Pended`] request and
//! completes that later, from any thread. There is no other way to get an [`Answer`], and a
//! pended request that is dropped is completed as cancelled, so that every request is
//! completed exactly once.

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

/// A module to which clients submit requests.
pub trait RequestProvider: Module<Role = Provider, Npi: Requests> {
    /// Returns the limit on pending requests for a binding, the same one for each call: a
    /// request that ends is subtracted from it. Bindings may share a limit.
    fn limit(binding: &Self::Binding) -> &RequestLimit;

    /// Answers a client's request at once, or pends it. Must not block.
    /// IRQL <= `DISPATCH_LEVEL`.
    fn submit<'call>(&self, request: Submitted<'call, Self>) -> Answer<'call>;

    /// Reports a request that was refused before it reached the module. Must not block.
    /// IRQL <= `DISPATCH_LEVEL`.
    fn refused(&self, status: NtStatus) {
        let _ = status;
    }
}

/// A limit on the number of pending requests. Requests above it are refused with
/// `STATUS_DEVICE_BUSY`.
#[derive(Debug)]
pub struct RequestLimit {
    pending: AtomicU32,
    most: u32,
}

impl RequestLimit {
    /// Creates a limit of `most` requests.
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

/// The entry of a provider's dispatch table that takes a request:
/// [`Submit`](super::Submit).
///
/// Refuses a malformed request with `STATUS_INVALID_PARAMETER`, any request with
/// `STATUS_DEVICE_NOT_READY` if the binding is detaching, and a request above the
/// [limit](RequestLimit) with `STATUS_DEVICE_BUSY`.
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
    // SAFETY: by the contract of the NPI the request now belongs to the provider.
    match unsafe { Submitted::new(binding, request) } {
        Ok(request) => binding.module().submit(request).0.0,
        Err(status) => {
            binding.module().refused(status);
            status.0
        }
    }
}

/// The entry of a provider's dispatch table that cancels a request:
/// [`Cancel`](super::Cancel). [`Pended::is_cancelled`] then returns `true`.
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
    // SAFETY: by this function's contract the request is valid, and neither side changes its
    // header.
    let Ok(request) = (unsafe { checked_pointer(request) }) else {
        return;
    };
    // SAFETY: the request is valid.
    let area = unsafe { area::<N>(request.as_ptr()) };
    // SAFETY: the area is valid, and this field is atomic.
    unsafe { &(*area).cancelled }.store(1, Ordering::Relaxed);
}

/// A request that belongs to the provider.
///
/// # Invariants
///
/// `request` has been checked, belongs to the provider, and counts towards the limit of the
/// binding.
struct Accepted<M: RequestProvider> {
    request: NonNull<<M::Npi as Requests>::Request>,
    hold: Hold<M>,
}

impl<M: RequestProvider> Accepted<M> {
    /// The body of the request.
    fn body(&self) -> *mut <M::Npi as Requests>::Body {
        // SAFETY: by the invariant the request is valid.
        unsafe { body::<M::Npi>(self.request.as_ptr()) }
    }

    fn set_status(&mut self, status: NtStatus) {
        // SAFETY: by the invariant the body belongs to the provider.
        let body = unsafe { &mut *self.body() };
        <M::Npi as Requests>::set_status(body, status);
    }
}

impl<M: RequestProvider> Drop for Accepted<M> {
    fn drop(&mut self) {
        M::limit(self.hold.binding().context()).leave();
    }
}

/// The result of [`RequestProvider::submit`], which only a request that was answered or
/// pended yields. The lifetime `'call` is unique to the request, so that an answer cannot be
/// returned for another one.
#[must_use = "the client waits for its answer"]
#[derive(Debug)]
pub struct Answer<'call>(NtStatus, Brand<'call>);

/// A marker that makes a type invariant in the lifetime.
type Brand<'call> = PhantomData<fn(&'call ()) -> &'call ()>;

/// A request that a client has just submitted. It dereferences to its body.
#[must_use = "a request is answered or pended"]
pub struct Submitted<'call, M: RequestProvider>(Accepted<M>, Brand<'call>);

impl<'call, M: RequestProvider> Submitted<'call, M> {
    /// # Safety
    ///
    /// A valid `request` belongs to the provider until it has been answered.
    unsafe fn new(
        binding: &Binding<M>,
        request: *mut <M::Npi as Requests>::Request,
    ) -> Result<Self> {
        // SAFETY: by this function's contract.
        let request = unsafe { checked_pointer(request) }?;
        // SAFETY: the request is valid.
        let body = unsafe { body::<M::Npi>(request.as_ptr()) };
        // SAFETY: the body belongs to the provider.
        M::Npi::check(unsafe { &*body }).map_err(NtStatus::or_unsuccessful)?;
        let call = binding.enter().ok_or(NtStatus::DEVICE_NOT_READY)?;
        // This call shows that the client's attach is committed.
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

    /// Answers the request at once. `STATUS_PENDING` counts as `STATUS_UNSUCCESSFUL`.
    /// IRQL <= `DISPATCH_LEVEL`.
    pub fn answer(mut self, status: NtStatus) -> Answer<'call> {
        let status = status.or_not_pending();
        self.0.set_status(status);
        Answer(status, PhantomData)
    }

    /// Pends the request. Another thread may complete it before the answer has been returned.
    /// IRQL <= `DISPATCH_LEVEL`.
    pub fn pend(self) -> (Pended<M>, Answer<'call>) {
        let accepted = ManuallyDrop::new(self.0);
        // SAFETY: the request is valid.
        let area = unsafe { area::<M::Npi>(accepted.request.as_ptr()) };
        // SAFETY: the area belongs to the provider, and its shared fields are atomic.
        let area = unsafe { &*area };
        // SAFETY: `accepted` is not dropped: its hold moves into the area.
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
        // SAFETY: by the invariant of `Accepted` the body belongs to the provider.
        unsafe { &*self.0.body() }
    }
}

impl<M: RequestProvider> DerefMut for Submitted<'_, M> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        // SAFETY: by the invariant of `Accepted` the body belongs to the provider.
        unsafe { &mut *self.0.body() }
    }
}

/// A pended request. It dereferences to its body. Dropping it completes it as cancelled.
///
/// # Invariants
///
/// It represents an `Accepted`, whose hold is in the request's area.
#[must_use = "the client waits for the completion"]
pub struct Pended<M: RequestProvider>(NonNull<<M::Npi as Requests>::Request>, PhantomData<Hold<M>>);

// SAFETY: the request belongs to the provider, and its body and a hold are `Send`.
unsafe impl<M: RequestProvider> Send for Pended<M> {}
// SAFETY: a shared reference gives access to a shared body, which is `Sync`, and to atomics.
unsafe impl<M: RequestProvider> Sync for Pended<M> {}

impl<M: RequestProvider> Pended<M> {
    fn area(&self) -> &ProviderArea {
        // SAFETY: by the invariant the request is valid.
        let area = unsafe { area::<M::Npi>(self.0.as_ptr()) };
        // SAFETY: the area belongs to the provider, and its shared fields are atomic.
        unsafe { &*area }
    }

    fn raw_binding(&self) -> NonNull<Binding<M>> {
        let raw = self.area().binding.load(Ordering::Relaxed);
        // SAFETY: by the invariant the area has a hold, which is not null.
        unsafe { NonNull::new_unchecked(raw.cast()) }
    }

    /// The binding through which the request came.
    #[must_use]
    pub fn binding(&self) -> &Binding<M> {
        // SAFETY: by the invariant the area has a hold to the binding.
        unsafe { &*self.raw_binding().as_ptr() }
    }

    /// Returns a hold, which keeps the binding attached after the completion. Any IRQL.
    pub fn hold(&self) -> Hold<M> {
        // SAFETY: the hold is in the area, and this copy of it is not dropped.
        let held = ManuallyDrop::new(unsafe { Hold::from_raw(self.raw_binding()) });
        held.add_ref()
    }

    /// Returns `true` if the client has cancelled the request.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.area().cancelled.load(Ordering::Relaxed) != 0
    }

    /// Completes the request. `STATUS_PENDING` counts as `STATUS_UNSUCCESSFUL`.
    /// IRQL <= `DISPATCH_LEVEL`; the caller holds no lock, because this calls the client.
    pub fn complete(self, status: NtStatus) {
        let raw = self.raw_binding();
        let request = ManuallyDrop::new(self).0;
        // SAFETY: `pend` stored the hold, and this turns it back once, because `self` is
        // consumed.
        let hold = unsafe { Hold::from_raw(raw) };
        let mut accepted = Accepted { request, hold };
        accepted.set_status(status.or_not_pending());
        // Subtracted from the limit before the client is called, which may submit again.
        let hold = accepted.hold.add_ref();
        drop(accepted);
        let complete = |peer: crate::Peer<'_, M>| {
            if let Some(complete) = M::Npi::complete_of(peer.table()) {
                // SAFETY: the client is attached, and the request is completed only here,
                // after which it belongs to the client.
                unsafe { complete(peer.context(), request.as_ptr()) };
            }
        };
        // SAFETY: held since the client's submission, which passed the gate and which this
        // completes.
        unsafe { hold.complete(complete) };
    }
}

impl<M: RequestProvider> Deref for Pended<M> {
    type Target = <M::Npi as Requests>::Body;

    fn deref(&self) -> &Self::Target {
        // SAFETY: by the invariant the request is valid.
        let body = unsafe { body::<M::Npi>(self.0.as_ptr()) };
        // SAFETY: the body belongs to the provider.
        unsafe { &*body }
    }
}

impl<M: RequestProvider> DerefMut for Pended<M> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        // SAFETY: by the invariant the request is valid.
        let body = unsafe { body::<M::Npi>(self.0.as_ptr()) };
        // SAFETY: the body belongs to the provider.
        unsafe { &mut *body }
    }
}

impl<M: RequestProvider> Drop for Pended<M> {
    fn drop(&mut self) {
        Self(self.0, PhantomData).complete(NtStatus::CANCELLED);
    }
}

// SAFETY: the link is the first field of the area of a pended request, which nothing but the
// provider touches.
unsafe impl<M: RequestProvider> Item for Pended<M> {
    fn into_link(self) -> NonNull<Link> {
        let request = ManuallyDrop::new(self).0;
        // SAFETY: by the invariant the request is valid.
        let area = unsafe { area::<M::Npi>(request.as_ptr()) };
        // SAFETY: the address of a field is not null.
        unsafe { NonNull::new_unchecked(area.cast()) }
    }

    unsafe fn from_link(link: NonNull<Link>) -> Self {
        // SAFETY: the link is that of an area, which is at this offset in its request.
        let request = unsafe { link.byte_sub(<M::Npi as Requests>::AREA) };
        Self(request.cast(), PhantomData)
    }
}
