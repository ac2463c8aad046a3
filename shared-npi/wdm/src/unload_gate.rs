// SPDX-License-Identifier: MIT OR Apache-2.0

//! The unload gate, which blocks the unload of a driver while a program has a hold.
//!
//! A driver whose `DriverUnload` is null cannot be unloaded: `ZwUnloadDriver` returns
//! `STATUS_INVALID_DEVICE_REQUEST`, so that a stop by the service control manager fails, and
//! both can be repeated later. An open handle does not refuse an unload, but delays it: the
//! stop succeeds, the device can no longer be opened, and the driver is unloaded as soon as the
//! handle is closed.
//!
//! # A stop in progress
//!
//! The field must not be cleared between the I/O manager's check of it and its call through it:
//! the I/O manager might read the field again and call null. An open handle delays that call.
//! So a hold is taken only in a request that came through a handle, and released before that
//! handle is closed: even if a stop has succeeded before, the call comes after `IRP_MJ_CLOSE`,
//! when the field has the routine again. Only a [`Session`](crate::control::Session), which
//! belongs to an open file, takes and releases holds, so that safe code cannot release a hold
//! of another file.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-zwunloaddriver>

use core::ptr;

use nmr::{NtStatus, Result, SpinLock};

/// `DRIVER_UNLOAD`, for a driver object of type `O`. IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nc-wdm-driver_unload>
pub type UnloadRoutine<O> = unsafe extern "C" fn(driver_object: *mut O);

/// Counts the holds that block the unload of a driver.
///
/// Only a session releases holds, and only those that it took:
///
/// ```compile_fail,E0624
/// let gate = wdm::unload_gate::UnloadGate::<()>::new();
/// gate.release(1);
/// ```
///
/// # Invariants
///
/// While `holds` is not zero, `field` is valid, the field is null, and `routine` is
/// the value that it had before.
pub struct UnloadGate<O> {
    state: SpinLock<State<O>>,
}

struct State<O> {
    field: *mut Option<UnloadRoutine<O>>,
    routine: Option<UnloadRoutine<O>>,
    holds: u32,
}

// SAFETY: the pointer is to a field of a driver object, which any thread may change. One
// thread at a time does, because the state is behind a lock.
unsafe impl<O> Send for State<O> {}

impl<O> UnloadGate<O> {
    /// Creates a gate that guards no driver, and refuses every hold. Any IRQL.
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

    /// Makes this the gate of the driver whose `DriverUnload` field is `field`.
    /// IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Safety
    ///
    /// There are no holds. As long as the gate is used, `field` is valid and
    /// nothing but the gate changes it.
    pub unsafe fn guard(&self, field: *mut Option<UnloadRoutine<O>>) {
        let guarded = State {
            field,
            routine: None,
            holds: 0,
        };
        self.state.with(|state| *state = guarded);
    }

    /// Takes a hold. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_DEVICE_NOT_READY` if the gate guards no driver,
    /// `STATUS_DEVICE_BUSY` if there are 2^32 - 1 holds.
    ///
    /// # Safety
    ///
    /// Called in a request through an open handle to one of the driver's devices; the hold is
    /// [released](Self::release) before the `IRP_MJ_CLOSE` of that handle is completed.
    pub(crate) unsafe fn hold(&self) -> Result {
        self.state.with(|state| {
            if state.field.is_null() {
                return Err(NtStatus::DEVICE_NOT_READY);
            }
            let holds = state.holds.checked_add(1).ok_or(NtStatus::DEVICE_BUSY)?;
            if state.holds == 0 {
                // SAFETY: the field is not null, so `guard` was called, whose
                // contract keeps it valid.
                state.routine = unsafe { state.field.read_volatile() };
                // SAFETY: by the contract of `guard` only this gate writes to the field, and a
                // handle is open, so that the I/O manager is not about to call through it.
                unsafe { state.field.write_volatile(None) };
            }
            state.holds = holds;
            Ok(())
        })
    }

    /// Releases `count` holds, which the caller has taken. Once there are none, the driver can
    /// be unloaded. IRQL <= `DISPATCH_LEVEL`.
    pub(crate) fn release(&self, count: u32) {
        self.state.with(|state| {
            let held = state.holds;
            state.holds = held.saturating_sub(count);
            if held != 0 && state.holds == 0 {
                // SAFETY: there was a hold, so that the field is valid by the
                // invariant.
                unsafe { state.field.write_volatile(state.routine) };
            }
        });
    }

    /// The number of holds. IRQL <= `DISPATCH_LEVEL`.
    pub fn holds(&self) -> u32 {
        self.state.with(|state| state.holds)
    }
}

impl<O> Default for UnloadGate<O> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{UnloadGate, UnloadRoutine};
    use nmr::NtStatus;

    unsafe extern "C" fn unload(_object: *mut ()) {}

    fn hold(gate: &UnloadGate<()>) -> nmr::Result {
        // SAFETY: no I/O manager calls the routine of a test.
        unsafe { gate.hold() }
    }

    #[test]
    fn the_routine_is_out_of_its_field_while_there_are_holds() {
        let gate = UnloadGate::new();
        let mut field: Option<UnloadRoutine<()>> = Some(unload);
        assert_eq!(hold(&gate), Err(NtStatus::DEVICE_NOT_READY));
        let place = &raw mut field;
        // SAFETY: the field outlives the gate, and nothing else writes to it.
        unsafe { gate.guard(place) };
        // SAFETY: the field is alive, and not written to meanwhile.
        let is_set = || unsafe { place.read() }.is_some();
        assert_eq!(hold(&gate), Ok(()));
        assert!(!is_set());
        assert_eq!(hold(&gate), Ok(()));
        assert_eq!(gate.holds(), 2);
        gate.release(1);
        assert!(!is_set());
        gate.release(1);
        assert!(is_set());
        gate.release(0);
        assert!(is_set());
        assert_eq!(gate.holds(), 0);
    }
}
