// SPDX-License-Identifier: MIT OR Apache-2.0

//! The unload routine, in the one shape in which it cannot leave a module
//! registered.
//!
//! `DriverUnload` returns nothing, so that nothing in its type says whether the
//! modules are gone. [`Driver::unload`] does return something: the proof. It
//! can only be made by ending the registrations. [`set_unload`] installs the
//! routine that calls it, and only what `set_unload` returns takes
//! registrations out of `DriverEntry`.
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
use super::registration;
use super::set::Set;
use crate::NtStatus;

/// A driver with network modules.
pub trait Driver: Sized + 'static {
    /// Its registrations: one, or a tuple of them.
    type Registrations: Set;

    /// Where they rest while the driver is loaded: a `static`.
    const SLOT: &'static Slot<Self::Registrations>;

    /// Ends the registrations: deregisters all, and waits for those that are
    /// pending. IRQL = `PASSIVE_LEVEL`.
    fn unload(
        registrations: Self::Registrations,
        passive: &PassiveLevel<'_>,
    ) -> <Self::Registrations as Set>::Ended;

    /// Stops the machine: a module cannot be deregistered, and its driver is
    /// about to go. Any IRQL.
    fn stop(reason: NtStatus) -> !;
}

/// A place for registrations, from `DriverEntry` to `DriverUnload`.
///
/// # Invariants
///
/// `value` is written by [`Unloadable::keep`] before `full` is set, and taken
/// by `take` after it has cleared it.
pub struct Slot<S: Set> {
    full: AtomicBool,
    value: UnsafeCell<Option<S>>,
}

// SAFETY: by the invariant one thread at a time touches the value, in the order
// in which `full` changes. A registration is not `Send` only to keep it out of
// other statics; NMR takes its handle from any thread.
unsafe impl<S: Set> Sync for Slot<S> {}

impl<S: Set> Slot<S> {
    /// An empty slot.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            full: AtomicBool::new(false),
            value: UnsafeCell::new(None),
        }
    }

    fn take(&self) -> Option<S> {
        if !self.full.swap(false, Ordering::Acquire) {
            return None;
        }
        // SAFETY: by the invariant: `full` was set, and this thread cleared it.
        unsafe { (*self.value.get()).take() }
    }
}

impl<S: Set> Default for Slot<S> {
    fn default() -> Self {
        Self::new()
    }
}

/// Proof that [`Driver::unload`] of `D` will be called.
#[must_use = "without it the driver cannot keep its registrations"]
pub struct Unloadable<D: Driver>(PhantomData<D>);

impl<D: Driver> Unloadable<D> {
    /// Keeps `registrations` until the driver is unloaded: the last step of
    /// `DriverEntry`.
    pub fn keep(self, registrations: D::Registrations) {
        let slot = D::SLOT;
        // SAFETY: by the invariant of `Slot`: `self` is the only value of its
        // kind in this `DriverEntry`, and the slot is not full yet.
        unsafe { *slot.value.get() = Some(registrations) };
        slot.full.store(true, Ordering::Release);
    }
}

/// Sets `DriverUnload`, the field `routine` of a driver object of type `O`, to
/// the routine that runs [`Driver::unload`] of `D`. The framework's
/// `EvtDriverUnload` is one, too. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called once, in `DriverEntry`, on the driver's own driver object; or on the
/// `EvtDriverUnload` of the configuration with which the driver is created as one
/// of the driver framework, and fails to load if it is not.
pub unsafe fn set_unload<D: Driver, O>(
    routine: &mut Option<unsafe extern "C" fn(driver_object: *mut O)>,
) -> Unloadable<D> {
    *routine = Some(driver_unload::<D, O>);
    Unloadable(PhantomData)
}

/// `DriverUnload` or `EvtDriverUnload`. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the I/O manager or the framework, once, after `DriverEntry` has succeeded.
unsafe extern "C" fn driver_unload<D: Driver, O>(_driver_object: *mut O) {
    // SAFETY: the I/O manager unloads at `PASSIVE_LEVEL`.
    let passive = unsafe { PassiveLevel::assume() };
    if let Some(registrations) = D::SLOT.take() {
        drop(D::unload(registrations, &passive));
    }
    if registration::live() != 0 {
        D::stop(NtStatus::UNSUCCESSFUL);
    }
}
