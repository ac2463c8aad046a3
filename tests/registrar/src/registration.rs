// SPDX-License-Identifier: MIT OR Apache-2.0

//! One registration, as the tables hold it.

use alloc::boxed::Box;
use core::ffi::c_void;
use core::ptr::NonNull;

use nmr::abi::NPI_REGISTRATION_INSTANCE;
use nmr::memory::try_box;

use crate::characteristics::Callbacks;
use crate::host::{Completion, RegistrationId, Side};
use crate::list::{Links, List};
use crate::npis::NpiKey;
use crate::slab::{Exhausted, NONE};

/// Who a callback belongs to: what of a registration never changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Module {
    pub(crate) id: RegistrationId,
    pub(crate) npi: NpiKey,
    /// What its peers are shown of it, readable while it is registered.
    pub(crate) instance: *const NPI_REGISTRATION_INSTANCE,
    pub(crate) callbacks: Callbacks,
    pub(crate) context: *mut c_void,
}

impl Module {
    pub(crate) const fn side(&self) -> Side {
        self.callbacks.attach.side()
    }

    /// An address in its image.
    pub(crate) fn code(&self) -> usize {
        self.callbacks.attach.code()
    }
}

/// A registration.
pub(crate) struct Registration<C> {
    pub(crate) module: Module,
    /// The slot of its NPI.
    pub(crate) npi: u32,
    /// Its neighbours among the registrations of its kind for its NPI.
    pub(crate) links: Links,
    /// Its bindings.
    pub(crate) bindings: List,
    /// `NmrDeregister...` was called.
    pub(crate) deregistering: bool,
    /// Calls of `NmrRegister...` and `NmrDeregister...` that have not returned: one of
    /// each at most.
    pub(crate) busy: u8,
    /// `NmrWaitFor...` is about to return: the handle is dead.
    pub(crate) waited: bool,
    /// Threads in `NmrWaitFor...`.
    pub(crate) waiters: u32,
    /// The number of threads that use the wait object: they wait for it, signal it or have just been woken.
    pub(crate) waiting: u32,
    /// The wait object of its slot.
    pub(crate) wait_object: NonNull<C>,
    /// The wait object has been given to a thread that signals it.
    pub(crate) signalled: bool,
}

impl<C> Registration<C> {
    /// Nothing is left of it but the wait.
    pub(crate) const fn complete(&self) -> bool {
        self.deregistering && self.bindings.first == NONE && self.busy == 0
    }
}

/// What a waiting thread blocks on, at an address of its own: it is used while
/// the tables are not locked.
///
/// # Invariants
///
/// Points to a box that lives until the wait object is dropped. It is dropped when no
/// thread is at it.
pub(crate) struct WaitObject<C>(NonNull<C>);

impl<C: Completion> WaitObject<C> {
    pub(crate) fn new() -> Result<Self, Exhausted> {
        let boxed = try_box(C::new()).map_err(|_| Exhausted)?;
        // INVARIANT: the box is leaked.
        Ok(Self(NonNull::from(Box::leak(boxed))))
    }
}

impl<C> WaitObject<C> {
    pub(crate) const fn address(&self) -> NonNull<C> {
        self.0
    }
}

impl<C> Drop for WaitObject<C> {
    fn drop(&mut self) {
        // SAFETY: a leaked box, which nobody uses any more (type invariants).
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}
