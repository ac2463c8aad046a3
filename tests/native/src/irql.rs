// SPDX-License-Identifier: MIT OR Apache-2.0

//! The interrupt request level of the calling thread.

use crate::system::{KeGetCurrentIrql, KeLowerIrql, KfRaiseIrql};

/// The current IRQL.
#[must_use]
pub fn current() -> u8 {
    // SAFETY: callable at any IRQL.
    unsafe { KeGetCurrentIrql() }
}

/// Raises the IRQL to `irql` if it is lower, and returns the old one.
#[must_use]
pub fn raise(irql: u8) -> u8 {
    let old = current();
    if irql > old {
        // SAFETY: `irql` is higher than the current IRQL.
        unsafe { KfRaiseIrql(irql) };
    }
    old
}

/// Lowers the IRQL to `irql`, which [`raise`] has returned.
pub fn lower(irql: u8) {
    // SAFETY: `raise` returned `irql`, so it is not higher than the current IRQL.
    unsafe { KeLowerIrql(irql) };
}
