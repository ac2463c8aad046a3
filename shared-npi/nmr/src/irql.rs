// SPDX-License-Identifier: MIT OR Apache-2.0

//! IRQL, and the permission to wait for NMR, as types.
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
/// The lifetime and the missing `Send` and `Sync` keep it from being stored where
/// code at a higher IRQL could find it, and out of [`SpinLock::with`], which raises
/// the IRQL.
///
/// [`SpinLock::with`]: crate::SpinLock::with
#[derive(Debug)]
pub struct PassiveLevel<'call>(PhantomData<(&'call (), *mut ())>);

impl PassiveLevel<'_> {
    /// Asserts the IRQL.
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

/// Proof that the current thread may wait for NMR during `'call`: it runs at
/// `PASSIVE_LEVEL`, outside every callback of NMR.
///
/// No type checks that the thread keeps no [`Call`](crate::Call) or
/// [`Hold`](crate::Hold) of the module that it waits for: such a wait has no end.
#[derive(Debug)]
pub struct WaitAllowed<'call>(PassiveLevel<'call>);

impl<'call> WaitAllowed<'call> {
    /// Asserts that waiting is allowed.
    ///
    /// # Safety
    ///
    /// Wherever the value is used, the current thread runs at `PASSIVE_LEVEL`, is
    /// in no callback of NMR and in no function of a dispatch table, and holds no
    /// lock that one of these takes.
    #[must_use]
    pub const unsafe fn assume() -> Self {
        // SAFETY: by this function's contract.
        Self(unsafe { PassiveLevel::assume() })
    }

    /// The IRQL that this implies.
    #[must_use]
    pub const fn passive(&self) -> &PassiveLevel<'call> {
        &self.0
    }
}
