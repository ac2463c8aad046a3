// SPDX-License-Identifier: MIT OR Apache-2.0

//! Proofs, as types, that code runs at `PASSIVE_LEVEL` and that it may wait for NMR.
//!
//! | code that runs in | [`PassiveLevel`] | [`WaitAllowed`] |
//! |---|---|---|
//! | `DriverEntry` | yes | no: the library waits |
//! | `DriverUnload` | yes | once every deregistration has begun |
//! | a request to the control device | yes | yes |
//! | a system thread | yes | no |
//! | an attach callback | yes | no |
//! | a detach or cleanup callback, a dispatch function | no | no |
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/kernel/managing-hardware-priorities>

use core::marker::PhantomData;

/// Proof that the current thread runs at `PASSIVE_LEVEL` during `'call`.
///
/// Because of its lifetime, and because it is neither `Send` nor `Sync`, it cannot be stored
/// for code that runs at a higher IRQL, nor used in [`SpinLock::with`], which raises the IRQL.
///
/// [`SpinLock::with`]: crate::SpinLock::with
#[derive(Debug)]
pub struct PassiveLevel<'call>(PhantomData<(&'call (), *mut ())>);

impl PassiveLevel<'_> {
    /// Asserts that the current thread runs at `PASSIVE_LEVEL`.
    ///
    /// # Safety
    ///
    /// The current thread runs at `PASSIVE_LEVEL` wherever the value is used.
    #[must_use]
    pub const unsafe fn assume() -> Self {
        Self(PhantomData)
    }
}

/// Proof that the current thread may wait for NMR during `'call`: it runs at
/// `PASSIVE_LEVEL`, outside every callback of NMR.
///
/// No type checks that the thread has no [`Call`](crate::Call) or [`Hold`](crate::Hold) of the
/// module for which it waits: such a wait never ends.
#[derive(Debug)]
pub struct WaitAllowed<'call>(PassiveLevel<'call>);

impl<'call> WaitAllowed<'call> {
    /// Asserts that waiting is allowed.
    ///
    /// # Safety
    ///
    /// Wherever the value is used, the current thread runs at `PASSIVE_LEVEL`, is not in a
    /// callback of NMR or a function of a dispatch table, and holds no lock that one of these
    /// takes.
    #[must_use]
    pub const unsafe fn assume() -> Self {
        // SAFETY: by this function's contract.
        Self(unsafe { PassiveLevel::assume() })
    }

    /// The proof of the IRQL, which this implies.
    #[must_use]
    pub const fn passive(&self) -> &PassiveLevel<'call> {
        &self.0
    }
}
