// SPDX-License-Identifier: MIT OR Apache-2.0

//! NMR for a program that is only to be linked: it registers and deregisters at once.

use core::ffi::c_void;

use nmr::abi::*;

nmr::nmr_fn! {
    #[unsafe(no_mangle)]
    unsafe fn NmrRegisterProvider[](
        _characteristics: *const NPI_PROVIDER_CHARACTERISTICS,
        _context: *mut c_void,
        _handle: *mut HANDLE,
    ) -> NTSTATUS {
        STATUS_SUCCESS
    }
}

nmr::nmr_fn! {
    #[unsafe(no_mangle)]
    unsafe fn NmrRegisterClient[](
        _characteristics: *const NPI_CLIENT_CHARACTERISTICS,
        _context: *mut c_void,
        _handle: *mut HANDLE,
    ) -> NTSTATUS {
        STATUS_SUCCESS
    }
}

nmr::nmr_fn! {
    #[unsafe(no_mangle)]
    unsafe fn NmrClientAttachProvider[](
        _handle: HANDLE,
        _context: *mut c_void,
        _dispatch: *const c_void,
        _provider_context: *mut *mut c_void,
        _provider_dispatch: *mut *const c_void,
    ) -> NTSTATUS {
        STATUS_NOINTERFACE
    }
}

macro_rules! succeed {
    ($($name:ident -> $status:expr;)*) => {$(
        nmr::nmr_fn! {
            #[unsafe(no_mangle)]
            unsafe fn $name[](_handle: HANDLE) -> NTSTATUS {
                $status
            }
        }
    )*};
}

succeed! {
    NmrDeregisterProvider -> STATUS_PENDING;
    NmrDeregisterClient -> STATUS_SUCCESS;
    NmrWaitForProviderDeregisterComplete -> STATUS_SUCCESS;
    NmrWaitForClientDeregisterComplete -> STATUS_SUCCESS;
    NmrProviderDetachClientComplete -> STATUS_SUCCESS;
    NmrClientDetachProviderComplete -> STATUS_SUCCESS;
}
