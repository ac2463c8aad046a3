// SPDX-License-Identifier: MIT OR Apache-2.0

//! The client's end of Echo: its requests, and the functions of its dispatch
//! table.
//!
//! A binding has a fixed number of slots, allocated at the attach.
//! Each goes round: [`Ready`], submitted, perhaps pended, `Ready` again. While
//! it goes round it holds the binding attached; when `submit` finds the binding
//! detaching the slot retires, and the last one to retire completes the detach.
//!
//! # The two ends of a pended call
//!
//! After `STATUS_PENDING` a request has two ends: the return of `submit` and
//! the completion, in any order, on two threads. Only when both are over is the
//! slot free, and each end is in flight for itself: were the completion alone
//! to end the call, the provider could unload while `submit` has still to
//! return through its code. The slot's state decides who is second.

use alloc::vec::Vec;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, offset_of};
use core::ptr::{self, NonNull};
use core::sync::atomic::AtomicPtr;

use super::characteristics::Agreement;
use super::dispatch::{ClientDispatch, Notification};
use super::request::{MAX_PAYLOAD, Request};
use super::statistics::Statistics;
use super::{Capabilities, Echo, VERSION};
use nmr::header::Header;
use nmr::inbox::{Item, Link};
use nmr::sync::atomic::{AtomicU8, Ordering};
use nmr::{Binding, Client, InFlight, Module};
use nmr::{NtStatus, Result};

/// A module that consumes Echo.
pub trait EchoClient: Module<Role = Client, Npi = Echo, Binding = ProviderBinding> {
    /// A request is back. Must not block; dropping it retires its slot.
    /// IRQL <= `DISPATCH_LEVEL`.
    fn completed(&self, request: Ready<Self>);

    /// The provider has completed what it did not have. Nothing is lost by it.
    /// Must not block. IRQL <= `DISPATCH_LEVEL`.
    fn unexpected(&self) {}

    /// The provider says something. Must not block. IRQL <= `DISPATCH_LEVEL`.
    fn notified(&self, what: Notification, value: u64) {
        let _ = (what, value);
    }
}

/// The dispatch table of `M`.
#[must_use]
pub const fn dispatch<M: EchoClient>() -> ClientDispatch {
    ClientDispatch {
        header: Header::of::<ClientDispatch>(VERSION),
        complete: Some(complete::<M>),
        notify: Some(notify::<M>),
    }
}

/// `complete` of the dispatch table. IRQL <= `DISPATCH_LEVEL`.
///
/// # Safety
///
/// Called by a provider that keeps the contract of the NPI.
unsafe extern "system" fn complete<M: EchoClient>(binding: *mut c_void, request: *mut Request) {
    // SAFETY: a provider passes the context that this client gave it, and
    // calls only while it is attached.
    let binding = unsafe { Binding::<M>::from_context(binding) };
    let Some(slot) = binding.context().slot(request) else {
        binding.module().unexpected();
        return;
    };
    match slot.end(State::Completed, State::Returned) {
        // `submit` has returned: both ends are over.
        Ok(Second::Yes) => {
            // SAFETY: the slot went out through `Ready::submit`, and both of
            // its ends are over.
            let request = unsafe { Ready::reclaim(slot.into()) };
            binding.module().completed(request);
        }
        // `submit` has still to return, and will pass the slot on.
        Ok(Second::No) => {}
        Err(NotOut) => binding.module().unexpected(),
    }
}

/// `notify` of the dispatch table. IRQL <= `DISPATCH_LEVEL`.
///
/// # Safety
///
/// Called by a provider that keeps the contract of the NPI.
unsafe extern "system" fn notify<M: EchoClient>(
    binding: *mut c_void,
    what: Notification,
    value: u64,
) {
    // SAFETY: as in `complete`.
    let binding = unsafe { Binding::<M>::from_context(binding) };
    binding.module().notified(what, value);
}

/// What a client keeps for one provider.
pub struct ProviderBinding {
    agreement: Agreement,
    slots: Vec<RequestSlot>,
}

impl ProviderBinding {
    /// A binding under `agreement` with `depth` requests.
    /// IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_INSUFFICIENT_RESOURCES`.
    pub fn new(agreement: Agreement, depth: u32) -> Result<Self> {
        let depth = depth as usize;
        let mut slots = Vec::new();
        slots
            .try_reserve_exact(depth)
            .map_err(|_| NtStatus::INSUFFICIENT_RESOURCES)?;
        // Not `extend`, behind which stands an allocation that cannot fail.
        for place in slots.spare_capacity_mut().iter_mut().take(depth) {
            place.write(RequestSlot::new());
        }
        // SAFETY: so many places have been reserved and written.
        unsafe { slots.set_len(depth) };
        Ok(Self { agreement, slots })
    }

    /// What the two modules have agreed on.
    #[must_use]
    pub const fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// The slot of a request, which may be any pointer.
    fn slot(&self, request: *const Request) -> Option<&RequestSlot> {
        let offset = request.addr().wrapping_sub(self.slots.as_ptr().addr());
        self.slots
            .get(offset / size_of::<RequestSlot>())
            .filter(|slot| ptr::eq(slot.request.get(), request))
    }
}

/// Sends the requests of a fresh binding on their way: called once, by
/// [`Module::attached`]. IRQL <= `DISPATCH_LEVEL`.
pub fn requests<M: EchoClient>(binding: &InFlight<M>) -> impl Iterator<Item = Ready<M>> {
    let retired = |slot: &&RequestSlot| slot.begin(State::Retired, State::Ready);
    binding
        .binding()
        .context()
        .slots
        .iter()
        .filter(retired)
        .map(|slot| {
            let call = binding.again().into_raw().as_ptr().cast();
            slot.binding
                .store(call, core::sync::atomic::Ordering::Relaxed);
            Ready(NonNull::from(slot), PhantomData)
        })
}

/// Where a slot stands.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has no call in flight and does not go round.
    Retired,
    /// It goes round, and is owned by a [`Ready`].
    Ready,
    /// It is submitted, and both ends are open.
    Out,
    /// It is complete, and `submit` has still to return.
    Completed,
    /// `submit` has returned `STATUS_PENDING`, and the completion is due.
    Returned,
}

/// Whether an end is the second one, so that the slot is free.
enum Second {
    Yes,
    No,
}

/// The request is not with the provider.
struct NotOut;

/// The memory of one request.
///
/// # Invariants
///
/// - `request` is first: its address is the slot's.
/// - Unless `state` is `Retired`, `binding` holds a call in flight.
#[repr(C)]
struct RequestSlot {
    request: UnsafeCell<Request>,
    state: AtomicU8,
    link: Link,
    /// The binding, as [`InFlight::into_raw`] gave it.
    binding: AtomicPtr<c_void>,
}

const _: () = assert!(offset_of!(RequestSlot, request) == 0);

// SAFETY: the request belongs to whom the state says; the rest is `Sync`.
unsafe impl Sync for RequestSlot {}

impl RequestSlot {
    fn new() -> Self {
        Self {
            request: UnsafeCell::new(Request::new()),
            state: AtomicU8::new(State::Retired as u8),
            link: Link::new(),
            binding: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Goes from one state to another, if the slot is in the first.
    fn begin(&self, from: State, to: State) -> bool {
        self.state
            .compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Ends one of the two ends: as the first of them it leaves `mine`, as the
    /// second it finds `other`.
    fn end(&self, mine: State, other: State) -> core::result::Result<Second, NotOut> {
        if self.begin(State::Out, mine) {
            Ok(Second::No)
        } else if self.begin(other, State::Ready) {
            Ok(Second::Yes)
        } else {
            Err(NotOut)
        }
    }
}

/// A request that the client owns: to be submitted, or dropped, which retires
/// it.
///
/// # Invariants
///
/// The slot's state is `Ready` and its binding holds a call in flight.
#[must_use = "dropping it retires its slot"]
pub struct Ready<M: EchoClient>(NonNull<RequestSlot>, PhantomData<InFlight<M>>);

// SAFETY: the slot is owned, and a call in flight is `Send`.
unsafe impl<M: EchoClient> Send for Ready<M> {}

/// What became of a submission.
#[must_use = "a request goes round or is retired"]
pub enum Submission<M: EchoClient> {
    /// The binding is detaching; the request has retired.
    Detaching,
    /// The provider has answered, and the request is back.
    Answered(NtStatus, Ready<M>),
    /// The provider keeps the request: this end of the call is still open.
    Pending(PendingCall<M>),
}

impl<M: EchoClient> Ready<M> {
    /// Owns a slot again.
    ///
    /// # Safety
    ///
    /// The slot was a `Ready<M>`'s, and its state has just become `Ready`.
    const unsafe fn reclaim(slot: NonNull<RequestSlot>) -> Self {
        Self(slot, PhantomData)
    }

    fn slot(&self) -> &RequestSlot {
        // SAFETY: by the invariant the binding, and the slot in it, lives.
        unsafe { self.0.as_ref() }
    }

    fn binding(&self) -> &Binding<M> {
        let binding = self
            .slot()
            .binding
            .load(core::sync::atomic::Ordering::Relaxed);
        // SAFETY: by the invariant a call of this binding is in flight.
        unsafe { Binding::from_context(binding) }
    }

    fn request(&self) -> &Request {
        // SAFETY: by the invariant the request is the client's.
        unsafe { &*self.slot().request.get() }
    }

    /// How the last submission ended.
    pub fn status(&self) -> NtStatus {
        NtStatus(self.request().status)
    }

    /// Whether the provider has sent back what it was sent.
    #[must_use]
    pub fn is_echo(&self) -> bool {
        let request = self.request();
        matches!((request.payload(), request.reply()), (Some(sent), Some(got)) if sent == got)
    }

    /// Submits the request with a number and a payload, of which at most
    /// [`MAX_PAYLOAD`] bytes are sent. IRQL <= `DISPATCH_LEVEL`, no lock held:
    /// the provider runs.
    pub fn submit(self, id: u64, payload: &[u8]) -> Submission<M> {
        let Some(call) = self.binding().enter() else {
            return Submission::Detaching;
        };
        let Some(submit) = call.peer().dispatch().submit else {
            return Submission::Answered(NtStatus::NOINTERFACE, self);
        };
        let mut request = Request {
            id,
            ..Request::new()
        };
        for (place, byte) in request.payload.iter_mut().zip(payload) {
            *place = *byte;
        }
        request.length = u32::try_from(payload.len().min(MAX_PAYLOAD)).unwrap_or(0);
        let slot = ManuallyDrop::new(self).0;
        // SAFETY: the slot lives: a call is in flight.
        let place = unsafe { slot.as_ref() };
        // SAFETY: the request is the client's until `submit`.
        unsafe { place.request.get().write(request) };
        place.state.store(State::Out as u8, Ordering::Release);
        // SAFETY: a call is in flight, so the provider is attached; the
        // request is its own from here on.
        let status = NtStatus(unsafe { submit(call.peer().context(), place.request.get()) });
        let pending = PendingCall { slot, call };
        if status == NtStatus::PENDING {
            return Submission::Pending(pending);
        }
        let (slot, call) = pending.into_parts();
        // A provider that answers has no completion to make. If it has made
        // one nevertheless, the slot is the client's all the same.
        if !place.begin(State::Out, State::Ready) {
            call.binding().module().unexpected();
            place.state.store(State::Ready as u8, Ordering::Release);
        }
        // SAFETY: the request is the client's again.
        unsafe { (*place.request.get()).status = status.0 };
        // SAFETY: the slot was this `Ready`'s.
        let request = unsafe { Self::reclaim(slot) };
        drop(call);
        Submission::Answered(status, request)
    }

    /// Asks the provider for its statistics. IRQL <= `DISPATCH_LEVEL`, no lock
    /// held: the provider runs.
    ///
    /// # Errors
    ///
    /// `STATUS_DEVICE_NOT_READY` while detaching, `STATUS_NOINTERFACE` if the
    /// provider has none, or what it answers.
    pub fn query_statistics(&self) -> Result<Statistics> {
        let binding = self.binding();
        let call = binding.enter().ok_or(NtStatus::DEVICE_NOT_READY)?;
        if !binding
            .context()
            .agreement
            .capabilities
            .contains(Capabilities::STATISTICS)
        {
            return Err(NtStatus::NOINTERFACE);
        }
        let query = call
            .peer()
            .dispatch()
            .query_statistics
            .ok_or(NtStatus::NOINTERFACE)?;
        let mut statistics = Statistics::new();
        // SAFETY: a call is in flight, so the provider is attached; the
        // structure is lent for the call.
        NtStatus(unsafe { query(call.peer().context(), &raw mut statistics) }).ok()?;
        Ok(statistics)
    }
}

impl<M: EchoClient> Drop for Ready<M> {
    fn drop(&mut self) {
        let slot = self.slot();
        let binding = slot.binding.load(core::sync::atomic::Ordering::Relaxed);
        slot.state.store(State::Retired as u8, Ordering::Release);
        if let Some(raw) = NonNull::new(binding.cast::<Binding<M>>()) {
            // SAFETY: by the invariant the slot holds the call, and gives it
            // back with this, once; the slot is not touched after.
            drop(unsafe { InFlight::<M>::from_raw(raw) });
        }
    }
}

// SAFETY: the link is in a slot that the `Ready` owns.
unsafe impl<M: EchoClient> Item for Ready<M> {
    fn into_link(self) -> NonNull<Link> {
        let slot = ManuallyDrop::new(self).0;
        // Not through a reference to the link, from which there is no way back
        // to the slot.
        // SAFETY: by the invariant the slot lives.
        let link = unsafe { &raw mut (*slot.as_ptr()).link };
        // SAFETY: the address of a field is not null.
        unsafe { NonNull::new_unchecked(link) }
    }

    unsafe fn from_link(link: NonNull<Link>) -> Self {
        // SAFETY: the link is that of a slot, which begins that far before it.
        let slot = unsafe { link.byte_sub(offset_of!(RequestSlot, link)) };
        Self(slot.cast(), PhantomData)
    }
}

/// The end of a pended call that `submit` came back to. The slot is not reused
/// before it is dropped, and so can be cancelled.
#[must_use = "dropping it ends this end of the call"]
pub struct PendingCall<M: EchoClient> {
    slot: NonNull<RequestSlot>,
    call: InFlight<M>,
}

impl<M: EchoClient> PendingCall<M> {
    /// Asks the provider to hurry, unless it cannot or the binding detaches.
    /// IRQL <= `DISPATCH_LEVEL`, no lock held: the provider runs.
    pub fn cancel(&self) {
        let binding = self.call.binding();
        if !binding
            .context()
            .agreement
            .capabilities
            .contains(Capabilities::CANCEL)
        {
            return;
        }
        // A cancellation is a new call: it passes the gate.
        let Some(call) = binding.enter() else { return };
        let peer = call.peer();
        if let Some(cancel) = peer.dispatch().cancel {
            // SAFETY: the slot lives, its call being in flight, and is not
            // reused before this end is over.
            let request = unsafe { self.slot.as_ref() }.request.get();
            // SAFETY: a call is in flight, so the provider is attached.
            unsafe { cancel(peer.context(), request) };
        }
    }

    fn into_parts(self) -> (NonNull<RequestSlot>, InFlight<M>) {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped: the call moves out.
        (this.slot, unsafe { ptr::read(&raw const this.call) })
    }
}

impl<M: EchoClient> Drop for PendingCall<M> {
    fn drop(&mut self) {
        // SAFETY: the slot lives, its call being in flight.
        let slot = unsafe { self.slot.as_ref() };
        if let Ok(Second::Yes) = slot.end(State::Returned, State::Completed) {
            // SAFETY: the slot went out through `Ready::submit`, and both of
            // its ends are over.
            let request = unsafe { Ready::reclaim(self.slot) };
            self.call.binding().module().completed(request);
        }
    }
}
