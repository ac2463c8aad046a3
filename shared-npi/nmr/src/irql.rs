// SPDX-License-Identifier: MIT OR Apache-2.0

//! IRQL as a type.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/kernel/managing-hardware-priorities>

use core::marker::PhantomData;

/// Proof that the current thread runs at `PASSIVE_LEVEL` during `'call`.
///
/// `DriverEntry`, `DriverUnload`, attach callbacks and system threads have one.
/// Detach and cleanup callbacks, and the functions of dispatch tables, may run
/// at `DISPATCH_LEVEL` and have none. The lifetime and the missing `Send` and
/// `Sync` keep it from being stored where one of them could find it.
#[derive(Debug)]
pub struct PassiveLevel<'call>(PhantomData<(&'call (), *mut ())>);

impl PassiveLevel<'_> {
    /// Vouches for the IRQL.
    ///
    /// # Safety
    ///
    /// The current thread runs at `PASSIVE_LEVEL`, and does so wherever the
    /// value is used.
    #[must_use]
    pub const unsafe fn assume() -> Self {
        Self(PhantomData)
    }
}

/// Proof that the current thread runs at `PASSIVE_LEVEL` during `'call`, is in no
/// callback of NMR's, and may wait for NMR.
///
/// `DriverEntry`, `DriverUnload` and requests of programs have one; attach
/// callbacks have a [`PassiveLevel`] only.
#[derive(Debug)]
pub struct WaitAllowed<'call>(PassiveLevel<'call>);

impl<'call> WaitAllowed<'call> {
    /// Vouches for the IRQL, and that NMR may be waited for.
    ///
    /// # Safety
    ///
    /// The current thread runs at `PASSIVE_LEVEL` and is in no callback of NMR's
    /// wherever the value is used.
    #[must_use]
    pub const unsafe fn assume() -> Self {
        // SAFETY: this function's contract includes the IRQL.
        Self(unsafe { PassiveLevel::assume() })
    }

    /// The proof of the IRQL alone.
    #[must_use]
    pub const fn passive(&self) -> &PassiveLevel<'call> {
        &self.0
    }
}
