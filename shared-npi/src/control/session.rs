// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a driver keeps for one open file.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::unload_gate::UnloadGate;
use nmr::{NtStatus, Result};

/// The holds that were taken through one file.
#[derive(Debug, Default)]
pub struct Session {
    holds: AtomicU32,
}

impl Session {
    /// A file without holds.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            holds: AtomicU32::new(0),
        }
    }

    /// Takes a hold.
    ///
    /// # Safety
    ///
    /// In a request through this session's handle, and [`end`](Self::end) is
    /// called before the handle is gone.
    pub(super) unsafe fn hold<O>(&self, gate: &UnloadGate<O>) -> Result {
        // SAFETY: by this function's contract.
        unsafe { gate.hold() }?;
        self.holds.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Gives one of this handle's holds back.
    ///
    /// # Errors
    ///
    /// `STATUS_INVALID_DEVICE_REQUEST` where it has none.
    pub(super) fn release<O>(&self, gate: &UnloadGate<O>) -> Result {
        let less = |holds: u32| holds.checked_sub(1);
        self.holds
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .map_err(|_| NtStatus::INVALID_DEVICE_REQUEST)?;
        gate.release()
    }

    /// Gives back what is left, in the handle's `IRP_MJ_CLOSE`: no other request
    /// of the handle is under way. IRQL <= `DISPATCH_LEVEL`.
    pub fn end<O>(&self, gate: &UnloadGate<O>) {
        while self.release(gate).is_ok() {}
    }
}
