// SPDX-License-Identifier: MIT OR Apache-2.0

//! Forbids the unloading of a driver for a while.
//!
//! A driver whose `DriverUnload` is null cannot be unloaded: `ZwUnloadDriver`
//! answers `STATUS_INVALID_DEVICE_REQUEST`, a stop by the service control
//! manager fails with it, and both can be tried again later. An open handle
//! holds a driver, too, but not so well: the stop is granted, nobody can open
//! the device any more, and the driver goes as soon as the handle is closed.
//!
//! # A stop that is on its way
//!
//! Between the I/O manager's look at the field and its call through it the
//! field must not be cleared: whether it looks again is documented nowhere, and
//! it would call null. What keeps it from calling is an open handle. So a hold
//! is only taken in a request that came through a handle, and given back before
//! that handle is gone: whatever was granted before, the call comes after
//! `IRP_MJ_CLOSE`, and finds the field as it was.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-zwunloaddriver>

use core::ptr;

use nmr::sync::SpinLock;
use nmr::{NtStatus, Result};

/// `DRIVER_UNLOAD`, of a driver object of type `O`.
pub type UnloadRoutine<O> = unsafe extern "C" fn(driver_object: *mut O);

/// Counts who forbids a driver to be unloaded: a `static`.
///
/// # Invariants
///
/// While `holds` is not zero, `field` is null and `routine` is what was there.
pub struct UnloadGate<O> {
    state: SpinLock<State<O>>,
}

struct State<O> {
    field: *mut Option<UnloadRoutine<O>>,
    routine: Option<UnloadRoutine<O>>,
    holds: u32,
}

// SAFETY: a driver object belongs to no thread.
unsafe impl<O> Send for State<O> {}

impl<O> UnloadGate<O> {
    /// A gate of no driver, which nobody can hold.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: SpinLock::new(State {
                field: ptr::null_mut(),
                routine: None,
                holds: 0,
            }),
        }
    }

    /// A gate of no driver, which nobody can hold.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: SpinLock::new(State {
                field: ptr::null_mut(),
                routine: None,
                holds: 0,
            }),
        }
    }

    /// Makes this the gate of the driver whose `DriverUnload` is `field`.
    /// IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Safety
    ///
    /// Called once, in `DriverEntry`, with the field of the driver's own driver
    /// object, which nobody else changes any more.
    pub unsafe fn guard(&self, field: *mut Option<UnloadRoutine<O>>) {
        self.state.with(|state| state.field = field);
    }

    /// Forbids the unloading, once more. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_DEVICE_NOT_READY` before the gate [guards](Self::guard) a driver,
    /// `STATUS_DEVICE_BUSY` if there are 2^32 - 1 holds.
    ///
    /// # Safety
    ///
    /// Called in a request through an open handle of one of the driver's
    /// devices, and [given back](Self::release) before the `IRP_MJ_CLOSE` of
    /// that handle is completed.
    pub unsafe fn hold(&self) -> Result {
        self.state.with(|state| {
            if state.field.is_null() {
                return Err(NtStatus::DEVICE_NOT_READY);
            }
            let holds = state.holds.checked_add(1).ok_or(NtStatus::DEVICE_BUSY)?;
            if state.holds == 0 {
                // SAFETY: the field is the driver object's, which lives as long
                // as the driver, and only this gate changes it.
                state.routine = unsafe { state.field.read_volatile() };
                // SAFETY: as above. By this function's contract a handle is
                // open, so that the I/O manager is not about to call it.
                unsafe { state.field.write_volatile(None) };
            }
            state.holds = holds;
            Ok(())
        })
    }

    /// Gives back a hold; with the last one the driver can be unloaded again.
    /// IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_INVALID_DEVICE_REQUEST` if nobody holds it.
    pub fn release(&self) -> Result {
        self.state.with(|state| {
            let holds = state.holds.checked_sub(1);
            state.holds = holds.ok_or(NtStatus::INVALID_DEVICE_REQUEST)?;
            if state.holds == 0 {
                // SAFETY: there was a hold, hence a field; as in `hold`.
                unsafe { state.field.write_volatile(state.routine) };
            }
            Ok(())
        })
    }

    /// How many holds there are. IRQL <= `DISPATCH_LEVEL`.
    pub fn holds(&self) -> u32 {
        self.state.with(|state| state.holds)
    }
}

impl<O> Default for UnloadGate<O> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{UnloadGate, UnloadRoutine};
    use nmr::NtStatus;

    unsafe extern "C" fn unload(_object: *mut ()) {}

    fn hold(gate: &UnloadGate<()>) -> nmr::Result {
        // SAFETY: nobody unloads a test.
        unsafe { gate.hold() }
    }

    #[test]
    fn the_routine_is_away_while_anybody_holds_it() {
        let gate = UnloadGate::new();
        let mut field: Option<UnloadRoutine<()>> = Some(unload);
        assert_eq!(hold(&gate), Err(NtStatus::DEVICE_NOT_READY));
        let place = &raw mut field;
        // SAFETY: the field outlives the gate.
        unsafe { gate.guard(place) };
        // SAFETY: the field is there, and nobody writes meanwhile.
        let is_there = || unsafe { place.read() }.is_some();
        assert_eq!(gate.release(), Err(NtStatus::INVALID_DEVICE_REQUEST));
        assert_eq!(hold(&gate), Ok(()));
        assert!(!is_there());
        assert_eq!(hold(&gate), Ok(()));
        assert_eq!(gate.holds(), 2);
        assert_eq!(gate.release(), Ok(()));
        assert!(!is_there());
        assert_eq!(gate.release(), Ok(()));
        assert!(is_there());
        assert_eq!(gate.release(), Err(NtStatus::INVALID_DEVICE_REQUEST));
    }
}
