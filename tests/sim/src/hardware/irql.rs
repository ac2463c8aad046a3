// SPDX-License-Identifier: MIT OR Apache-2.0

//! Interrupt request levels.

/// An IRQL.
pub(crate) type Irql = u8;

/// The level of ordinary thread code.
pub(crate) const PASSIVE_LEVEL: Irql = 0;
/// The last level at which a thread may block.
pub(crate) const APC_LEVEL: Irql = 1;
/// The level of spin locks and DPCs: nothing may block.
pub(crate) const DISPATCH_LEVEL: Irql = 2;
/// The level of the system clock's interrupts.
const CLOCK_LEVEL: Irql = 13;
/// The level of interprocessor interrupts.
pub(crate) const IPI_LEVEL: Irql = 14;
/// Everything is masked.
pub(crate) const HIGH_LEVEL: Irql = 15;

/// The level in words.
pub(crate) fn name(irql: Irql) -> String {
    match irql {
        PASSIVE_LEVEL => "PASSIVE_LEVEL".to_owned(),
        APC_LEVEL => "APC_LEVEL".to_owned(),
        DISPATCH_LEVEL => "DISPATCH_LEVEL".to_owned(),
        CLOCK_LEVEL => "CLOCK_LEVEL".to_owned(),
        IPI_LEVEL => "IPI_LEVEL".to_owned(),
        HIGH_LEVEL => "HIGH_LEVEL".to_owned(),
        other => format!("IRQL {other}"),
    }
}
