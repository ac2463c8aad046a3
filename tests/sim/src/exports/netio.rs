// SPDX-License-Identifier: MIT OR Apache-2.0

//! The nine functions of NMR. The registrar checks their IRQL itself.

use std::ffi::c_void;

use nmr::abi::{HANDLE, NPI_CLIENT_CHARACTERISTICS, NPI_PROVIDER_CHARACTERISTICS, NTSTATUS};
use registrar::host::Side;
use scenarios::Role;

use crate::exports::exports;
use crate::findings::stop;
use crate::hardware::irql::HIGH_LEVEL;
use crate::kernel::{kernel, with};
use crate::nmr::registered;
use crate::verifier::promises;

exports! {
    of "netio.sys":
    "NmrRegisterProvider" <= HIGH_LEVEL => nmr_register_provider: NTSTATUS;
    "NmrDeregisterProvider" <= HIGH_LEVEL => nmr_deregister_provider: NTSTATUS;
    "NmrWaitForProviderDeregisterComplete" <= HIGH_LEVEL => nmr_wait_for_provider: NTSTATUS;
    "NmrProviderDetachClientComplete" <= HIGH_LEVEL => nmr_provider_detach_client_complete: ();
    "NmrRegisterClient" <= HIGH_LEVEL => nmr_register_client: NTSTATUS;
    "NmrClientAttachProvider" <= HIGH_LEVEL => nmr_client_attach_provider: NTSTATUS;
    "NmrClientDetachProviderComplete" <= HIGH_LEVEL => nmr_client_detach_provider_complete: ();
    "NmrDeregisterClient" <= HIGH_LEVEL => nmr_deregister_client: NTSTATUS;
    "NmrWaitForClientDeregisterComplete" <= HIGH_LEVEL => nmr_wait_for_client: NTSTATUS;
}

/// Ends the cycle if a module registers with characteristics that its NPI does not have.
fn judge(side: Side, characteristics: usize) {
    if let Some((code, what)) = with(|state| promises::register(state, side, characteristics)) {
        stop(code, what);
    }
}

unsafe extern "win64" fn nmr_register_provider(
    characteristics: *const NPI_PROVIDER_CHARACTERISTICS,
    context: *mut c_void,
    handle: *mut HANDLE,
) -> NTSTATUS {
    judge(Side::Provider, characteristics.addr());
    // SAFETY: the driver's promise; where it breaks it, the fault is its.
    let status = unsafe {
        kernel()
            .registrar
            .register_provider(characteristics, context, handle)
    };
    // SAFETY: the same promise.
    with(|state| unsafe {
        registered::describe(state, Role::Provider, characteristics.cast(), status);
    });
    status
}

unsafe extern "win64" fn nmr_register_client(
    characteristics: *const NPI_CLIENT_CHARACTERISTICS,
    context: *mut c_void,
    handle: *mut HANDLE,
) -> NTSTATUS {
    judge(Side::Client, characteristics.addr());
    // SAFETY: the driver's promise; where it breaks it, the fault is its.
    let status = unsafe {
        kernel()
            .registrar
            .register_client(characteristics, context, handle)
    };
    // SAFETY: the same promise.
    with(|state| unsafe {
        registered::describe(state, Role::Client, characteristics.cast(), status);
    });
    status
}

unsafe extern "win64" fn nmr_client_attach_provider(
    binding: HANDLE,
    client_context: *mut c_void,
    client_dispatch: *const c_void,
    provider_context: *mut *mut c_void,
    provider_dispatch: *mut *const c_void,
) -> NTSTATUS {
    let registrar = &kernel().registrar;
    // SAFETY: the driver's promise; where it breaks it, the fault is its.
    unsafe {
        registrar.client_attach_provider(
            binding,
            client_context,
            client_dispatch,
            provider_context,
            provider_dispatch,
        )
    }
}

unsafe extern "win64" fn nmr_deregister_provider(handle: HANDLE) -> NTSTATUS {
    kernel().registrar.deregister_provider(handle)
}

unsafe extern "win64" fn nmr_deregister_client(handle: HANDLE) -> NTSTATUS {
    kernel().registrar.deregister_client(handle)
}

unsafe extern "win64" fn nmr_wait_for_provider(handle: HANDLE) -> NTSTATUS {
    kernel()
        .registrar
        .wait_for_provider_deregister_complete(handle)
}

unsafe extern "win64" fn nmr_wait_for_client(handle: HANDLE) -> NTSTATUS {
    kernel()
        .registrar
        .wait_for_client_deregister_complete(handle)
}

unsafe extern "win64" fn nmr_provider_detach_client_complete(binding: HANDLE) {
    kernel().registrar.provider_detach_client_complete(binding);
}

unsafe extern "win64" fn nmr_client_detach_provider_complete(binding: HANDLE) {
    kernel().registrar.client_detach_provider_complete(binding);
}
