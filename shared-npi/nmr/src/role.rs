// SPDX-License-Identifier: MIT OR Apache-2.0

//! The two roles of a network module, and NMR's functions for each.

use core::ffi::c_void;

use super::abi::{self, HANDLE, NTSTATUS};
use super::callbacks;
use super::module::{Module, Npi};
use crate::layout::Handed;

/// The role of a module that consumes an NPI.
#[derive(Debug)]
pub enum Client {}

/// The role of a module that offers an NPI.
#[derive(Debug)]
pub enum Provider {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Client {}
    impl Sealed for super::Provider {}
}

/// [`Client`] or [`Provider`].
///
/// The functions are those of NMR, with the same contracts. [`super::handle`] wraps them for
/// typed handles.
pub trait Role: sealed::Sealed + Sized + 'static {
    /// The other role.
    type Peer: Role;

    /// `true` for [`Provider`].
    const PROVIDES: bool;

    /// The dispatch table that a module of this role hands to its peer.
    type Dispatch<N: Npi>: Handed;

    /// The `NpiSpecificCharacteristics` of a module of this role.
    type NpiCharacteristics<N: Npi>: Handed;

    /// `NPI_CLIENT_CHARACTERISTICS` or `NPI_PROVIDER_CHARACTERISTICS`.
    type Characteristics;

    /// Creates the characteristics of `M`, whose callbacks expect the address of the
    /// registration block of an `M` as their context.
    #[doc(hidden)]
    fn characteristics<M: Module<Role = Self>>(
        instance: abi::NPI_REGISTRATION_INSTANCE,
    ) -> Self::Characteristics;

    /// The registration instance inside the characteristics.
    #[doc(hidden)]
    fn instance(characteristics: &mut Self::Characteristics)
    -> &mut abi::NPI_REGISTRATION_INSTANCE;

    /// `NmrRegisterClient` or `NmrRegisterProvider`. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Safety
    ///
    /// The characteristics and everything that they point to stay at their addresses,
    /// resident and unchanged, until the deregistration is complete.
    #[doc(hidden)]
    unsafe fn register(
        characteristics: *const Self::Characteristics,
        context: *mut c_void,
        handle: *mut HANDLE,
    ) -> NTSTATUS;

    /// `NmrDeregisterClient` or `NmrDeregisterProvider`. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Safety
    ///
    /// `handle` is the handle of a registered module of this role.
    #[doc(hidden)]
    unsafe fn deregister(handle: HANDLE) -> NTSTATUS;

    /// `NmrWaitFor...DeregisterComplete`. IRQL < `DISPATCH_LEVEL`.
    ///
    /// # Safety
    ///
    /// `handle` is the handle of a module of this role whose deregistration is pending.
    #[doc(hidden)]
    unsafe fn wait(handle: HANDLE) -> NTSTATUS;

    /// `NmrClientDetachProviderComplete` or `NmrProviderDetachClientComplete`.
    /// IRQL <= `DISPATCH_LEVEL`.
    ///
    /// # Safety
    ///
    /// `handle` is this side's handle of a binding whose detach is pending on this side.
    #[doc(hidden)]
    unsafe fn detach_complete(handle: HANDLE);
}

impl Role for Client {
    type Peer = Provider;
    const PROVIDES: bool = false;
    type Dispatch<N: Npi> = N::ClientDispatch;
    type NpiCharacteristics<N: Npi> = N::ClientCharacteristics;
    type Characteristics = abi::NPI_CLIENT_CHARACTERISTICS;

    fn characteristics<M: Module<Role = Self>>(
        instance: abi::NPI_REGISTRATION_INSTANCE,
    ) -> Self::Characteristics {
        abi::NPI_CLIENT_CHARACTERISTICS {
            Version: 0,
            Length: abi::struct_size::<Self::Characteristics>(),
            ClientAttachProvider: Some(callbacks::client_attach_provider::<M>),
            ClientDetachProvider: Some(callbacks::detach::<M>),
            ClientCleanupBindingContext: Some(callbacks::cleanup_binding_context::<M>),
            ClientRegistrationInstance: instance,
        }
    }

    fn instance(
        characteristics: &mut Self::Characteristics,
    ) -> &mut abi::NPI_REGISTRATION_INSTANCE {
        &mut characteristics.ClientRegistrationInstance
    }

    unsafe fn register(
        characteristics: *const Self::Characteristics,
        context: *mut c_void,
        handle: *mut HANDLE,
    ) -> NTSTATUS {
        // SAFETY: by this function's contract, which is that of the NMR function.
        unsafe { abi::NmrRegisterClient(characteristics, context, handle) }
    }

    unsafe fn deregister(handle: HANDLE) -> NTSTATUS {
        // SAFETY: by this function's contract, which is that of the NMR function.
        unsafe { abi::NmrDeregisterClient(handle) }
    }

    unsafe fn wait(handle: HANDLE) -> NTSTATUS {
        // SAFETY: by this function's contract, which is that of the NMR function.
        unsafe { abi::NmrWaitForClientDeregisterComplete(handle) }
    }

    unsafe fn detach_complete(handle: HANDLE) {
        // SAFETY: by this function's contract, which is that of the NMR function.
        unsafe { abi::NmrClientDetachProviderComplete(handle) }
    }
}

impl Role for Provider {
    type Peer = Client;
    const PROVIDES: bool = true;
    type Dispatch<N: Npi> = N::ProviderDispatch;
    type NpiCharacteristics<N: Npi> = N::ProviderCharacteristics;
    type Characteristics = abi::NPI_PROVIDER_CHARACTERISTICS;

    fn characteristics<M: Module<Role = Self>>(
        instance: abi::NPI_REGISTRATION_INSTANCE,
    ) -> Self::Characteristics {
        abi::NPI_PROVIDER_CHARACTERISTICS {
            Version: 0,
            Length: abi::struct_size::<Self::Characteristics>(),
            ProviderAttachClient: Some(callbacks::provider_attach_client::<M>),
            ProviderDetachClient: Some(callbacks::detach::<M>),
            ProviderCleanupBindingContext: Some(callbacks::cleanup_binding_context::<M>),
            ProviderRegistrationInstance: instance,
        }
    }

    fn instance(
        characteristics: &mut Self::Characteristics,
    ) -> &mut abi::NPI_REGISTRATION_INSTANCE {
        &mut characteristics.ProviderRegistrationInstance
    }

    unsafe fn register(
        characteristics: *const Self::Characteristics,
        context: *mut c_void,
        handle: *mut HANDLE,
    ) -> NTSTATUS {
        // SAFETY: by this function's contract, which is that of the NMR function.
        unsafe { abi::NmrRegisterProvider(characteristics, context, handle) }
    }

    unsafe fn deregister(handle: HANDLE) -> NTSTATUS {
        // SAFETY: by this function's contract, which is that of the NMR function.
        unsafe { abi::NmrDeregisterProvider(handle) }
    }

    unsafe fn wait(handle: HANDLE) -> NTSTATUS {
        // SAFETY: by this function's contract, which is that of the NMR function.
        unsafe { abi::NmrWaitForProviderDeregisterComplete(handle) }
    }

    unsafe fn detach_complete(handle: HANDLE) {
        // SAFETY: by this function's contract, which is that of the NMR function.
        unsafe { abi::NmrProviderDetachClientComplete(handle) }
    }
}
