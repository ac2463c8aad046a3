// SPDX-License-Identifier: MIT OR Apache-2.0

//! The client's end: requests that it submits.
//!
//! A binding has a fixed number of slots, allocated at the attach. A slot is idle,
//! or in use from the submission until the request is back; an idle one holds
//! nothing, so that a client may leave its slots alone for as long as it likes and
//! still detaches.

use alloc::vec::Vec;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::mem::{MaybeUninit, offset_of};
use core::ops::Deref;
use core::ptr::{self, NonNull};

use super::{Requests, body};
use crate::binding::{Binding, Call, Hold};
use crate::memory::MAX_SIZE;
use crate::module::Module;
use crate::role::Client;
use crate::sync::atomic::{AtomicU8, Ordering};
use crate::{NtStatus, Result, memory};

/// A module that submits requests.
pub trait RequestClient: Module<Role = Client, Npi: Requests> {
    /// The slots of a binding, always the same: a completion is looked for in these,
    /// and one that is not found there keeps the binding from detaching.
    fn slots(binding: &Self::Binding) -> &Slots<Self::Npi>;

    /// A request that was pended is back; its slot is idle once this value is
    /// dropped. Must not block. IRQL <= `DISPATCH_LEVEL`.
    fn completed(&self, request: Completed<'_, Self>);

    /// The provider has completed a request that it did not have. Nothing is lost by
    /// it. Must not block. IRQL <= `DISPATCH_LEVEL`.
    fn unexpected(&self) {}
}

/// The function of a client's table that gets a request back:
/// [`Complete`](super::Complete). A request that is not pending is reported as
/// [unexpected](RequestClient::unexpected). IRQL <= `DISPATCH_LEVEL`.
///
/// # Safety
///
/// Called by a provider that keeps the contract of the NPI, with the binding context
/// that this module gave it, while the binding is attached.
pub unsafe extern "system" fn dispatch_complete<M: RequestClient>(
    context: *mut c_void,
    request: *mut <M::Npi as Requests>::Request,
) {
    // SAFETY: by this function's contract.
    let binding = unsafe { Binding::<M>::from_context(context) };
    let Some(slot) = M::slots(binding.context()).find(request) else {
        binding.module().unexpected();
        return;
    };
    let Ok(second) = slot.end(State::Completed, State::Returned) else {
        binding.module().unexpected();
        return;
    };
    // SAFETY: `submit` gave up this reference to the binding, and the slot's state
    // lets one completion take it back.
    let hold = unsafe { Hold::<M>::from_raw(NonNull::from(binding)) };
    if second == Second::Yes {
        binding.module().completed(Completed { slot, binding });
    }
    // The first end leaves the slot to the submission, which has still to return.
    drop(hold);
}

/// The requests of one binding.
pub struct Slots<N: Requests> {
    slots: Vec<Slot<N>>,
}

impl<N: Requests> Slots<N> {
    /// `count` idle slots. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_INSUFFICIENT_RESOURCES`.
    pub fn new(count: usize) -> Result<Self> {
        const { memory::assert_alignment::<Slot<N>>() };
        let mut slots = Vec::new();
        slots
            .try_reserve_exact(count)
            .map_err(|_| NtStatus::INSUFFICIENT_RESOURCES)?;
        // Not `extend`, behind which stands an allocation that cannot fail.
        for place in slots.spare_capacity_mut().iter_mut().take(count) {
            place.write(Slot::new());
        }
        // SAFETY: `count` places have been reserved and written.
        unsafe { slots.set_len(count) };
        Ok(Self { slots })
    }

    /// Returns `true` if a slot is idle at the moment. Any IRQL.
    #[must_use]
    pub fn has_idle(&self) -> bool {
        let idle = State::Idle as u8;
        self.slots
            .iter()
            .any(|slot| slot.state.load(Ordering::Relaxed) == idle)
    }

    /// Claims an idle slot.
    fn claim(&self) -> Option<&Slot<N>> {
        self.slots
            .iter()
            .find(|slot| slot.moves(State::Idle, State::Claimed))
    }

    /// The slot of a request, which may be any pointer.
    fn find(&self, request: *const N::Request) -> Option<&Slot<N>> {
        let offset = request.addr().wrapping_sub(self.slots.as_ptr().addr());
        self.slots
            .get(offset / size_of::<Slot<N>>())
            .filter(|slot| ptr::eq(slot.request.get().cast(), request))
    }
}

/// The state of a slot.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has no request.
    Idle,
    /// Its request is the client's.
    Claimed,
    /// Its request is submitted, and neither end is over.
    Out,
    /// Its request is complete, and the submission has still to return.
    Completed,
    /// The submission has returned `STATUS_PENDING`, and the completion is due.
    Returned,
}

/// Tells if an end of a pended request is the second one.
#[derive(PartialEq, Eq)]
enum Second {
    Yes,
    No,
}

/// The request is not pending.
struct NotPending;

/// The memory of one request.
///
/// # Invariants
///
/// - `request` is first: its address is the slot's. It has been written once the
///   state has been `Out`.
/// - The request is the client's to touch while the state is `Claimed`, by the
///   one thread that moved it there.
#[repr(C)]
struct Slot<N: Requests> {
    request: UnsafeCell<MaybeUninit<N::Request>>,
    state: AtomicU8,
}

// SAFETY: the request belongs to one thread as the state says; the rest is `Sync`.
unsafe impl<N: Requests> Sync for Slot<N> {}
// SAFETY: a request is bytes that cross from thread to thread anyway.
unsafe impl<N: Requests> Send for Slot<N> {}

impl<N: Requests> Slot<N> {
    fn new() -> Self {
        const { assert!(offset_of!(Self, request) == 0) };
        Self {
            request: UnsafeCell::new(MaybeUninit::uninit()),
            state: AtomicU8::new(State::Idle as u8),
        }
    }

    /// The request.
    const fn request(&self) -> *mut N::Request {
        self.request.get().cast()
    }

    /// Moves the slot to another state, if it is in the first. Returns `true` if it
    /// was.
    fn moves(&self, from: State, to: State) -> bool {
        self.state
            .compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Ends one of the two ends: as the first of them it leaves the state `mine`, as
    /// the second it finds `other`, and the request is the client's.
    fn end(&self, mine: State, other: State) -> core::result::Result<Second, NotPending> {
        if self.moves(State::Out, mine) {
            Ok(Second::No)
        } else if self.moves(other, State::Claimed) {
            Ok(Second::Yes)
        } else {
            Err(NotPending)
        }
    }

    /// Sets the status of a request that is the client's.
    ///
    /// # Safety
    ///
    /// The state is `Claimed`, by this thread, and the request has been written.
    unsafe fn set_status(&self, status: NtStatus) {
        // SAFETY: the request is valid.
        let body = unsafe { body::<N>(self.request()) };
        // SAFETY: by this function's contract it is the client's.
        N::set_status(unsafe { &mut *body }, status);
    }
}

/// A request that is back. It reads as its body; its slot is idle once this is
/// dropped.
///
/// # Invariants
///
/// The state is `Claimed` for this value, and the request has been written.
#[must_use = "dropping it makes its slot idle"]
pub struct Completed<'binding, M: RequestClient> {
    slot: &'binding Slot<M::Npi>,
    binding: &'binding Binding<M>,
}

impl<'binding, M: RequestClient> Completed<'binding, M> {
    /// The binding through which it went.
    #[must_use]
    pub const fn binding(&self) -> &'binding Binding<M> {
        self.binding
    }

    /// The status with which it was completed or answered.
    pub fn status(&self) -> NtStatus {
        <M::Npi as Requests>::status(self)
    }
}

impl<M: RequestClient> Deref for Completed<'_, M> {
    type Target = <M::Npi as Requests>::Body;

    fn deref(&self) -> &Self::Target {
        // SAFETY: by the invariant the request is valid.
        let body = unsafe { body::<M::Npi>(self.slot.request()) };
        // SAFETY: by the invariant it is the client's.
        unsafe { &*body }
    }
}

impl<M: RequestClient> Drop for Completed<'_, M> {
    fn drop(&mut self) {
        self.slot.state.store(State::Idle as u8, Ordering::Release);
    }
}

/// The result of a submission.
#[must_use = "an answer is read or dropped"]
pub enum Submission<'binding, M: RequestClient> {
    /// No slot was idle: here is the body again.
    NoSlot(<M::Npi as Requests>::Body),
    /// The provider has answered at once.
    Answered(Completed<'binding, M>),
    /// The provider keeps the request, and [`RequestClient::completed`] will have
    /// it. It cannot come back before this is dropped.
    Pending(PendingCall<'binding, M>),
}

/// Submits a request. The provider's table has no such function: the answer is
/// `STATUS_NOINTERFACE`. IRQL <= `DISPATCH_LEVEL`, no lock held: the provider runs.
pub fn submit<M: RequestClient>(
    call: Call<'_, M>,
    body: <M::Npi as Requests>::Body,
) -> Submission<'_, M> {
    const {
        assert!(
            size_of::<<M::Npi as Requests>::Request>() <= MAX_SIZE,
            "a request has at most 4 KiB: let its body point to what is larger"
        );
    }
    let binding = call.binding();
    let Some(slot) = M::slots(binding.context()).claim() else {
        return Submission::NoSlot(body);
    };
    // SAFETY: the slot was claimed.
    unsafe { slot.request().write(<M::Npi as Requests>::request(body)) };
    slot.state.store(State::Out as u8, Ordering::Release);
    // The completion's end of the request, which may come before `submit` returns.
    let raw = call.hold().into_raw();
    let status = call.make(|peer| match <M::Npi as Requests>::submit_of(peer.table()) {
        // SAFETY: the provider is attached, and the request is its own from here on.
        Some(submit) => NtStatus(unsafe { submit(peer.context(), slot.request()) }),
        None => NtStatus::NOINTERFACE,
    });
    if status == NtStatus::PENDING {
        return Submission::Pending(PendingCall { slot, binding });
    }
    // A provider that answers has no completion to make. If it has made one
    // nevertheless, that has taken the reference back, and the slot is the client's
    // all the same.
    if slot.moves(State::Out, State::Claimed) {
        // SAFETY: no completion has taken the reference back, and none will: it
        // would find the state changed.
        drop(unsafe { Hold::<M>::from_raw(raw) });
    } else {
        binding.module().unexpected();
        slot.state.store(State::Claimed as u8, Ordering::Release);
    }
    // SAFETY: the slot is claimed by this thread, and the request was written.
    unsafe { slot.set_status(status) };
    Submission::Answered(Completed { slot, binding })
}

/// The end of a pended request that the submission returned to. The slot is not
/// reused before it is dropped, so that the request can be cancelled.
#[must_use = "dropping it ends this end of the request"]
pub struct PendingCall<'binding, M: RequestClient> {
    slot: &'binding Slot<M::Npi>,
    binding: &'binding Binding<M>,
}

impl<M: RequestClient> PendingCall<'_, M> {
    /// The binding that the request was submitted in. Any IRQL.
    #[must_use]
    pub const fn binding(&self) -> &Binding<M> {
        self.binding
    }

    /// Asks the provider to hurry, unless it has no function for that or the binding
    /// detaches. What else the NPI wants of a cancellation is the caller's to check. IRQL <= `DISPATCH_LEVEL`, no lock held: the provider runs.
    pub fn cancel(&self) {
        // A cancellation is a new call: it passes the gate.
        let Some(call) = self.binding.enter() else {
            return;
        };
        call.make(|peer| {
            if let Some(cancel) = <M::Npi as Requests>::cancel_of(peer.table()) {
                // SAFETY: the provider is attached, and the request is not reused
                // before this end is over.
                unsafe { cancel(peer.context(), self.slot.request()) };
            }
        });
    }
}

impl<M: RequestClient> Drop for PendingCall<'_, M> {
    fn drop(&mut self) {
        if let Ok(Second::Yes) = self.slot.end(State::Returned, State::Completed) {
            self.binding.module().completed(Completed {
                slot: self.slot,
                binding: self.binding,
            });
        }
    }
}

impl<N: Requests> core::fmt::Debug for Slots<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Slots")
            .field("count", &self.slots.len())
            .finish_non_exhaustive()
    }
}
