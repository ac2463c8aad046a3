// SPDX-License-Identifier: MIT OR Apache-2.0

//! NMR's handles, with a type for each kind: the registration of a client or a provider, and
//! the client's or the provider's handle of a binding.
//!
//! In C all of them are `HANDLE`, and shipped code has confused them.

use core::fmt;
use core::marker::PhantomData;

use super::abi::HANDLE;
use super::role::Role;
use crate::NtStatus;

/// The handle of the registration of a module of role `R`, from `NmrRegister...`.
#[repr(transparent)]
pub struct RegistrationHandle<R: Role>(HANDLE, PhantomData<R>);

/// The handle of a binding that NMR passed to the attach callback of a module of role `R`.
/// The peer has a different handle of the same binding.
#[repr(transparent)]
pub struct BindingHandle<R: Role>(HANDLE, PhantomData<R>);

impl<R: Role> RegistrationHandle<R> {
    /// Gives a handle its type.
    #[must_use]
    pub const fn new(handle: HANDLE) -> Self {
        Self(handle, PhantomData)
    }

    /// The handle itself.
    pub(crate) const fn raw(&self) -> HANDLE {
        self.0
    }

    /// Begins the deregistration. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Safety
    ///
    /// The handle is that of a registered module, and this is its only deregistration.
    pub unsafe fn deregister(&self) -> NtStatus {
        // SAFETY: by this function's contract; the handle's type has its role.
        NtStatus(unsafe { R::deregister(self.0) })
    }

    /// Waits until the deregistration is complete. IRQL < `DISPATCH_LEVEL`,
    /// and in no callback of the module.
    ///
    /// # Safety
    ///
    /// [`deregister`](Self::deregister) has returned `STATUS_PENDING`, and this is the only
    /// wait.
    pub unsafe fn wait(&self) -> NtStatus {
        // SAFETY: by this function's contract; the handle's type has its role.
        NtStatus(unsafe { R::wait(self.0) })
    }
}

impl<R: Role> BindingHandle<R> {
    /// Gives a handle its type.
    #[must_use]
    pub const fn new(handle: HANDLE) -> Self {
        Self(handle, PhantomData)
    }

    /// The handle itself, for `NmrClientAttachProvider`.
    #[must_use]
    pub const fn raw(&self) -> HANDLE {
        self.0
    }

    /// Completes the pending detach of this side. NMR may clean up the binding before this
    /// returns. IRQL <= `DISPATCH_LEVEL`; the caller holds no lock.
    ///
    /// # Safety
    ///
    /// This side's detach callback has returned or will return `STATUS_PENDING`, no call is in
    /// flight, and this is the only completion.
    pub unsafe fn detach_complete(self) {
        // SAFETY: by this function's contract; the handle's type has its role.
        unsafe { R::detach_complete(self.0) }
    }
}

impl<R: Role> Clone for BindingHandle<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: Role> Copy for BindingHandle<R> {}

impl<R: Role> fmt::Debug for RegistrationHandle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RegistrationHandle").field(&self.0).finish()
    }
}

impl<R: Role> fmt::Debug for BindingHandle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BindingHandle").field(&self.0).finish()
    }
}

// SAFETY: a handle is a number that NMR accepts from any thread.
unsafe impl<R: Role> Send for RegistrationHandle<R> {}
// SAFETY: a handle is a number; the methods that use it state their own conditions.
unsafe impl<R: Role> Sync for RegistrationHandle<R> {}
// SAFETY: a handle is a number that NMR accepts from any thread.
unsafe impl<R: Role> Send for BindingHandle<R> {}
// SAFETY: a handle is a number; the methods that use it state their own conditions.
unsafe impl<R: Role> Sync for BindingHandle<R> {}
