// SPDX-License-Identifier: MIT OR Apache-2.0

//! The interrupt request level of the calling thread.

use crate::system::{KeGetCurrentIrql, KeLowerIrql, KfRaiseIrql};

/// What it is.
#[must_use]
pub fn current() -> u8 {
    // SAFETY: callable at any IRQL.
    unsafe { KeGetCurrentIrql() }
}

/// Raises it to `irql`, if it is lower; answers what it was.
#[must_use]
pub fn raise(irql: u8) -> u8 {
    let old = current();
    if irql > old {
        // SAFETY: the new one is not lower than the old one.
        unsafe { KfRaiseIrql(irql) };
    }
    old
}

/// Undoes a [`raise`] that answered `irql`.
pub fn lower(irql: u8) {
    // SAFETY: the thread was at `irql` before it was raised.
    unsafe { KeLowerIrql(irql) };
}
