// SPDX-License-Identifier: MIT OR Apache-2.0

//! The unload routine, in the one shape in which it cannot leave a module
//! registered.
//!
//! `DriverUnload` returns nothing, so that nothing in its type says whether the
//! modules are gone. [`Driver::unload`] does return something: the proof. It
//! can only be made by ending the registration. [`set_unload`] installs the
//! routine that calls it, and only what `set_unload` returns takes a
//! registration out of `DriverEntry`.
//!
//! What types cannot see, a registration given to `mem::forget`, the count of
//! live registrations does: an unload that would leave one behind stops the
//! machine there, with a reason, instead of somewhere later without one.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nc-wdm-driver_unload>

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicBool, Ordering};

use super::irql::PassiveLevel;
use super::module::Module;
use super::registration::{self, Ended, Registration};
use crate::NtStatus;

/// A driver with one network module.
pub trait Driver: Sized + 'static {
    /// The module.
    type Module: Module;

    /// Where the registration rests while the driver is loaded: a `static`.
    const SLOT: &'static Slot<Self::Module>;

    /// Ends the registration: deregisters, and waits where that is pending.
    /// IRQL = `PASSIVE_LEVEL`.
    fn unload(
        registration: Registration<Self::Module>,
        passive: &PassiveLevel<'_>,
    ) -> Ended<Self::Module>;

    /// Stops the machine: a module cannot be deregistered, and its driver is
    /// about to go. Any IRQL.
    fn stop(reason: NtStatus) -> !;
}

/// A place for a registration, from `DriverEntry` to `DriverUnload`.
///
/// # Invariants
///
/// `value` is touched by [`Unloadable::keep`] before `full` is set, and by
/// `take` after it has cleared it.
pub struct Slot<M: Module> {
    full: AtomicBool,
    value: UnsafeCell<Option<Registration<M>>>,
}

// SAFETY: by the invariant one thread at a time touches the value, in the order
// in which `full` changes. A registration is not `Send` only to keep it out of
// other statics; NMR takes its handle from any thread.
unsafe impl<M: Module> Sync for Slot<M> {}

impl<M: Module> Slot<M> {
    /// An empty slot.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            full: AtomicBool::new(false),
            value: UnsafeCell::new(None),
        }
    }

    fn take(&self) -> Option<Registration<M>> {
        if !self.full.swap(false, Ordering::Acquire) {
            return None;
        }
        // SAFETY: by the invariant: `full` was set, and this thread cleared it.
        unsafe { (*self.value.get()).take() }
    }
}

impl<M: Module> Default for Slot<M> {
    fn default() -> Self {
        Self::new()
    }
}

/// Proof that the I/O manager will call [`Driver::unload`] of `D`.
#[must_use = "without it the driver cannot keep a registration"]
pub struct Unloadable<D: Driver>(PhantomData<D>);

impl<D: Driver> Unloadable<D> {
    /// Keeps `registration` until the driver is unloaded: the last step of
    /// `DriverEntry`.
    pub fn keep(self, registration: Registration<D::Module>) {
        let slot = D::SLOT;
        // SAFETY: by the invariant of `Slot`: `self` is the only value of its
        // kind in this `DriverEntry`, and the slot is not full yet.
        unsafe { *slot.value.get() = Some(registration) };
        slot.full.store(true, Ordering::Release);
    }
}

/// Sets `DriverUnload`, the field `routine` of a driver object of type `O`, to
/// the routine that runs [`Driver::unload`] of `D`. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called once, in `DriverEntry`, on the driver's own driver object.
pub unsafe fn set_unload<D: Driver, O>(
    routine: &mut Option<unsafe extern "C" fn(driver_object: *mut O)>,
) -> Unloadable<D> {
    *routine = Some(driver_unload::<D, O>);
    Unloadable(PhantomData)
}

/// `DriverUnload`. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the I/O manager, once, after `DriverEntry` has succeeded.
unsafe extern "C" fn driver_unload<D: Driver, O>(_driver_object: *mut O) {
    // SAFETY: the I/O manager unloads at `PASSIVE_LEVEL`.
    let passive = unsafe { PassiveLevel::assume() };
    if let Some(registration) = D::SLOT.take() {
        drop(D::unload(registration, &passive));
    }
    if registration::live() != 0 {
        D::stop(NtStatus::UNSUCCESSFUL);
    }
}
