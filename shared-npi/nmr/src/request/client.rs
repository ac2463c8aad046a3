// SPDX-License-Identifier: MIT OR Apache-2.0

//! The client's end: submitting requests.
//!
//! A binding has a fixed number of slots, which are allocated in the attach callback. A slot
//! is in use from the submission of a request until the client has dropped its completion, and
//! idle otherwise. An idle slot keeps no reference to the binding, so that it does not delay a
//! detach.

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
    /// Returns the slots of a binding, the same ones for each call: a completed request is
    /// looked up in them, and if it is not found, the binding never finishes detaching.
    fn slots(binding: &Self::Binding) -> &Slots<Self::Npi>;

    /// Receives a pended request that has been completed. Its slot is idle once `request` is
    /// dropped. Must not block. IRQL <= `DISPATCH_LEVEL`.
    fn completed(&self, request: Completed<'_, Self>);

    /// Reports that the provider has completed a request that was not pending. The completion
    /// has no effect. Must not block. IRQL <= `DISPATCH_LEVEL`.
    fn unexpected(&self) {}
}

/// The entry of a client's dispatch table that completes a request:
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
    // SAFETY: `submit` turned this reference to the binding into a pointer, and the slot's
    // state lets only one completion turn it back.
    let hold = unsafe { Hold::<M>::from_raw(NonNull::from(binding)) };
    if second == Second::Yes {
        binding.module().completed(Completed { slot, binding });
    }
    // If this is the first of the two ends, `PendingCall` reports the completion.
    drop(hold);
}

/// The slots of one binding, each with the memory of a request.
pub struct Slots<N: Requests> {
    slots: Vec<Slot<N>>,
}

impl<N: Requests> Slots<N> {
    /// Allocates `count` idle slots. IRQL <= `DISPATCH_LEVEL`.
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
        // Not `extend`, which might allocate infallibly.
        for place in slots.spare_capacity_mut().iter_mut().take(count) {
            place.write(Slot::new());
        }
        // SAFETY: `count` places have been reserved and written.
        unsafe { slots.set_len(count) };
        Ok(Self { slots })
    }

    /// Returns `true` if a slot is currently idle. Any IRQL.
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

    /// Finds the slot of a request. `request` may be any pointer.
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
    /// The slot has no request.
    Idle,
    /// The request belongs to the client.
    Claimed,
    /// The request has been submitted. The submission has not returned, and the request has
    /// not been completed.
    Out,
    /// The request has been completed, and the submission has not returned.
    Completed,
    /// The submission has returned `STATUS_PENDING`, and the request has not been completed.
    Returned,
}

/// Which of the two ends of a pended request this is: `Yes` for the second.
#[derive(PartialEq, Eq)]
enum Second {
    Yes,
    No,
}

/// The error for a request that is not pending.
struct NotPending;

/// The memory of one request.
///
/// # Invariants
///
/// - `request` is the first field, so that its address is the slot's. It has been written
///   once the state has been `Out`.
/// - While the state is `Claimed`, the request belongs to the thread that set that state.
#[repr(C)]
struct Slot<N: Requests> {
    request: UnsafeCell<MaybeUninit<N::Request>>,
    state: AtomicU8,
}

// SAFETY: the state gives the request to one thread at a time; the rest is `Sync`.
unsafe impl<N: Requests> Sync for Slot<N> {}
// SAFETY: a request is plain data, which may pass from thread to thread.
unsafe impl<N: Requests> Send for Slot<N> {}

impl<N: Requests> Slot<N> {
    fn new() -> Self {
        const { assert!(offset_of!(Self, request) == 0) };
        Self {
            request: UnsafeCell::new(MaybeUninit::uninit()),
            state: AtomicU8::new(State::Idle as u8),
        }
    }

    /// The address of the request.
    const fn request(&self) -> *mut N::Request {
        self.request.get().cast()
    }

    /// Changes the state from `from` to `to`. Returns `true` if it was `from`.
    fn moves(&self, from: State, to: State) -> bool {
        self.state
            .compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Records that one of the two ends is over. If it is the first, the state becomes
    /// `mine`. If it is the second, the state was `other`, and the request now belongs to the
    /// client.
    fn end(&self, mine: State, other: State) -> core::result::Result<Second, NotPending> {
        if self.moves(State::Out, mine) {
            Ok(Second::No)
        } else if self.moves(other, State::Claimed) {
            Ok(Second::Yes)
        } else {
            Err(NotPending)
        }
    }

    /// Sets the status of a request that belongs to the client.
    ///
    /// # Safety
    ///
    /// This thread has claimed the slot, and the request has been written.
    unsafe fn set_status(&self, status: NtStatus) {
        // SAFETY: the request is valid.
        let body = unsafe { body::<N>(self.request()) };
        // SAFETY: by this function's contract it belongs to this thread.
        N::set_status(unsafe { &mut *body }, status);
    }
}

/// A completed request, which dereferences to its body. Dropping it makes its slot idle.
///
/// # Invariants
///
/// The slot is claimed for this value, and the request has been written.
#[must_use = "dropping it makes its slot idle"]
pub struct Completed<'binding, M: RequestClient> {
    slot: &'binding Slot<M::Npi>,
    binding: &'binding Binding<M>,
}

impl<'binding, M: RequestClient> Completed<'binding, M> {
    /// The binding in which the request was submitted.
    #[must_use]
    pub const fn binding(&self) -> &'binding Binding<M> {
        self.binding
    }

    /// The status with which the request was completed or answered.
    pub fn status(&self) -> NtStatus {
        <M::Npi as Requests>::status(self)
    }
}

impl<M: RequestClient> Deref for Completed<'_, M> {
    type Target = <M::Npi as Requests>::Body;

    fn deref(&self) -> &Self::Target {
        // SAFETY: by the invariant the request is valid.
        let body = unsafe { body::<M::Npi>(self.slot.request()) };
        // SAFETY: by the invariant it belongs to this value.
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
    /// No slot was idle. The body is returned.
    NoSlot(<M::Npi as Requests>::Body),
    /// The provider answered the request at once.
    Answered(Completed<'binding, M>),
    /// The provider has pended the request. [`RequestClient::completed`] receives it, but not
    /// before this is dropped.
    Pending(PendingCall<'binding, M>),
}

/// Submits a request. If the provider's dispatch table lacks the function, the request is
/// answered with `STATUS_NOINTERFACE`. IRQL <= `DISPATCH_LEVEL`; the caller holds no lock,
/// because this calls the provider.
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
    // SAFETY: this thread has claimed the slot.
    unsafe { slot.request().write(<M::Npi as Requests>::request(body)) };
    slot.state.store(State::Out as u8, Ordering::Release);
    // The hold is for the completion, which may come before `submit` returns.
    let raw = call.hold().into_raw();
    let status = call.make(|peer| match <M::Npi as Requests>::submit_of(peer.table()) {
        // SAFETY: the provider is attached, and the request belongs to it from here on.
        Some(submit) => NtStatus(unsafe { submit(peer.context(), slot.request()) }),
        None => NtStatus::NOINTERFACE,
    });
    if status == NtStatus::PENDING {
        return Submission::Pending(PendingCall { slot, binding });
    }
    // A provider that has answered makes no completion. If it has made one nevertheless,
    // that completion has consumed the hold, and the slot still belongs to the client.
    if slot.moves(State::Out, State::Claimed) {
        // SAFETY: no completion has consumed the hold, and none will, because the state has
        // changed.
        drop(unsafe { Hold::<M>::from_raw(raw) });
    } else {
        binding.module().unexpected();
        slot.state.store(State::Claimed as u8, Ordering::Release);
    }
    // SAFETY: this thread has claimed the slot, and the request was written.
    unsafe { slot.set_status(status) };
    Submission::Answered(Completed { slot, binding })
}

/// A pended request, at the end of its submission. Its slot is not reused before this is
/// dropped, so that the request can be cancelled.
#[must_use = "dropping it ends this end of the request"]
pub struct PendingCall<'binding, M: RequestClient> {
    slot: &'binding Slot<M::Npi>,
    binding: &'binding Binding<M>,
}

impl<M: RequestClient> PendingCall<'_, M> {
    /// The binding in which the request was submitted. Any IRQL.
    #[must_use]
    pub const fn binding(&self) -> &Binding<M> {
        self.binding
    }

    /// Cancels the request, unless the provider's dispatch table lacks the function or the
    /// binding is detaching. The caller checks any other conditions of the NPI.
    /// IRQL <= `DISPATCH_LEVEL`; the caller holds no lock, because this calls the provider.
    pub fn cancel(&self) {
        // A cancellation is a new call: it passes the gate.
        let Some(call) = self.binding.enter() else {
            return;
        };
        call.make(|peer| {
            if let Some(cancel) = <M::Npi as Requests>::cancel_of(peer.table()) {
                // SAFETY: the provider is attached, and the request is not reused before
                // `self` is dropped.
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
