// SPDX-License-Identifier: MIT OR Apache-2.0

//! The nine functions under their own names.

use core::ffi::c_void;

use shared_npi::nmr::abi::{
    HANDLE, NPI_CLIENT_CHARACTERISTICS, NPI_PROVIDER_CHARACTERISTICS, NTSTATUS,
};
use shared_npi::nmr_fn;

#[cfg(doc)]
use crate::Registrar;
use crate::process::registrar;

nmr_fn! {
    /// See [`Registrar::register_provider`].
    ///
    /// # Safety
    ///
    /// As there.
    // SAFETY: nothing else in a process with this feature has the name.
    #[unsafe(no_mangle)]
    pub unsafe fn NmrRegisterProvider[](
        characteristics: *const NPI_PROVIDER_CHARACTERISTICS,
        context: *mut c_void,
        handle: *mut HANDLE,
    ) -> NTSTATUS {
        // SAFETY: the caller's promise.
        unsafe { registrar().register_provider(characteristics, context, handle) }
    }
}

nmr_fn! {
    /// See [`Registrar::register_client`].
    ///
    /// # Safety
    ///
    /// As there.
    // SAFETY: as for `NmrRegisterProvider`.
    #[unsafe(no_mangle)]
    pub unsafe fn NmrRegisterClient[](
        characteristics: *const NPI_CLIENT_CHARACTERISTICS,
        context: *mut c_void,
        handle: *mut HANDLE,
    ) -> NTSTATUS {
        // SAFETY: the caller's promise.
        unsafe { registrar().register_client(characteristics, context, handle) }
    }
}

nmr_fn! {
    /// See [`Registrar::client_attach_provider`].
    ///
    /// # Safety
    ///
    /// As there.
    // SAFETY: as for `NmrRegisterProvider`.
    #[unsafe(no_mangle)]
    pub unsafe fn NmrClientAttachProvider[](
        binding: HANDLE,
        client_context: *mut c_void,
        client_dispatch: *const c_void,
        provider_context: *mut *mut c_void,
        provider_dispatch: *mut *const c_void,
    ) -> NTSTATUS {
        // SAFETY: the caller's promise.
        unsafe {
            registrar().client_attach_provider(
                binding,
                client_context,
                client_dispatch,
                provider_context,
                provider_dispatch,
            )
        }
    }
}

/// Exports methods that take a handle.
macro_rules! exports {
    ($($name:ident => $method:ident $(-> $ret:ty)?;)*) => {$(
        nmr_fn! {
            #[doc = concat!("See [`Registrar::", stringify!($method), "`].")]
            ///
            /// # Safety
            ///
            /// None is needed: any value may be passed.
            // SAFETY: as for `NmrRegisterProvider`.
            #[unsafe(no_mangle)]
            pub unsafe fn $name[](handle: HANDLE) $(-> $ret)? {
                registrar().$method(handle)
            }
        }
    )*};
}

exports! {
    NmrDeregisterProvider => deregister_provider -> NTSTATUS;
    NmrDeregisterClient => deregister_client -> NTSTATUS;
    NmrWaitForProviderDeregisterComplete => wait_for_provider_deregister_complete -> NTSTATUS;
    NmrWaitForClientDeregisterComplete => wait_for_client_deregister_complete -> NTSTATUS;
    NmrProviderDetachClientComplete => provider_detach_client_complete;
    NmrClientDetachProviderComplete => client_detach_provider_complete;
}
