// SPDX-License-Identifier: MIT OR Apache-2.0

//! The state of one open file of a control device.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::unload_gate::UnloadGate;
use nmr::{NtStatus, Result};

/// The holds that were taken through one file. Dropping the session, in the file's
/// `IRP_MJ_CLOSE`, releases them.
///
/// # Invariants
///
/// `holds` of the gate's holds belong to this session.
pub struct Session<'gate, O> {
    gate: &'gate UnloadGate<O>,
    holds: AtomicU32,
}

impl<'gate, O> Session<'gate, O> {
    /// Creates a session without holds, which takes holds of `gate`. Any IRQL.
    #[must_use]
    pub const fn new(gate: &'gate UnloadGate<O>) -> Self {
        Self {
            gate,
            holds: AtomicU32::new(0),
        }
    }

    /// The number of holds of all sessions. IRQL <= `DISPATCH_LEVEL`.
    pub(super) fn all_holds(&self) -> u32 {
        self.gate.holds()
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
    /// Called in a request through the file of this session. The session is dropped before the
    /// file's `IRP_MJ_CLOSE` is completed.
    pub(super) unsafe fn hold(&self) -> Result {
        // SAFETY: by this function's contract the request came through an open handle, and the
        // session, which releases its holds when it is dropped, is dropped before the close.
        unsafe { self.gate.hold() }?;
        // Cannot overflow: the gate's total is at least as large.
        self.holds.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Releases one of this session's holds. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_INVALID_DEVICE_REQUEST` if it has none.
    pub(super) fn release(&self) -> Result {
        let less = |holds: u32| holds.checked_sub(1);
        self.holds
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .map_err(|_| NtStatus::INVALID_DEVICE_REQUEST)?;
        self.gate.release(1);
        Ok(())
    }
}

impl<O> Drop for Session<'_, O> {
    /// IRQL <= `DISPATCH_LEVEL`.
    fn drop(&mut self) {
        self.gate.release(*self.holds.get_mut());
    }
}
