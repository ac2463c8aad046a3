// SPDX-License-Identifier: MIT OR Apache-2.0

//! NMR's handles, each kind a type: the registration of a client or a provider,
//! and the client's or the provider's handle of a binding.
//!
//! All of them are `HANDLE` in C, and shipping code passed one for another.

use core::fmt;
use core::marker::PhantomData;

use super::abi::HANDLE;
use super::role::Role;
use crate::NtStatus;

/// The registration of a module of role `R`, from `NmrRegister...`.
#[repr(transparent)]
pub struct RegistrationHandle<R: Role>(HANDLE, PhantomData<R>);

/// The handle of a binding that the attach callback of a module of role `R` was
/// given; the peer's handle of the same binding is another.
#[repr(transparent)]
pub struct BindingHandle<R: Role>(HANDLE, PhantomData<R>);

impl<R: Role> RegistrationHandle<R> {
    /// Names the kind of a handle.
    #[must_use]
    pub const fn new(handle: HANDLE) -> Self {
        Self(handle, PhantomData)
    }

    /// The handle itself.
    pub(crate) const fn raw(&self) -> HANDLE {
        self.0
    }

    /// Begins to deregister. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Safety
    ///
    /// The handle is that of a live registration, and this is its only
    /// deregistration.
    pub unsafe fn deregister(&self) -> NtStatus {
        // SAFETY: by this function's contract; the type says the role.
        NtStatus(unsafe { R::deregister(self.0) })
    }

    /// Waits until the deregistration is complete. IRQL < `DISPATCH_LEVEL`,
    /// and in no callback of the module.
    ///
    /// # Safety
    ///
    /// [`deregister`](Self::deregister) answered `STATUS_PENDING`, and this is
    /// the only wait.
    pub unsafe fn wait(&self) -> NtStatus {
        // SAFETY: by this function's contract; the type says the role.
        NtStatus(unsafe { R::wait(self.0) })
    }
}

impl<R: Role> BindingHandle<R> {
    /// Names the kind of a handle.
    #[must_use]
    pub const fn new(handle: HANDLE) -> Self {
        Self(handle, PhantomData)
    }

    /// The handle itself, for `NmrClientAttachProvider`.
    #[must_use]
    pub const fn raw(&self) -> HANDLE {
        self.0
    }

    /// Tells NMR that this side has detached. IRQL <= `DISPATCH_LEVEL`, no
    /// lock held. NMR may clean the binding up before this returns.
    ///
    /// # Safety
    ///
    /// This side's detach callback answered, or will answer, `STATUS_PENDING`,
    /// no call is in flight, and this is the only completion.
    pub unsafe fn detach_complete(self) {
        // SAFETY: by this function's contract; the type says the role.
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
// SAFETY: a shared handle is the same number; the methods that act on it state what
// they need.
unsafe impl<R: Role> Sync for RegistrationHandle<R> {}
// SAFETY: a handle is a number that NMR accepts from any thread.
unsafe impl<R: Role> Send for BindingHandle<R> {}
// SAFETY: a shared handle is the same number; the methods that act on it state what
// they need.
unsafe impl<R: Role> Sync for BindingHandle<R> {}
