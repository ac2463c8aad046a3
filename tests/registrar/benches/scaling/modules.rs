// SPDX-License-Identifier: MIT OR Apache-2.0

//! Providers and clients that come and go, and break no rule.

use std::ffi::c_void;
use std::hint::black_box;
use std::ptr;

use nmr::abi::{
    GUID, HANDLE, NPI_CLIENT_CHARACTERISTICS, NPI_MODULEID, NPI_PROVIDER_CHARACTERISTICS,
    NPI_REGISTRATION_INSTANCE, NPIID, NTSTATUS, STATUS_PENDING, STATUS_SUCCESS, struct_size,
};
use nmr::{ModuleId, nmr_fn};
use registrar::Registrar;

use crate::hosts::Named;

/// The two sides of an NPI, which only NMR reads. They stay at one address.
pub(crate) struct Pair {
    provider: NPI_PROVIDER_CHARACTERISTICS,
    client: NPI_CLIENT_CHARACTERISTICS,
    npi: NPIID,
    module: NPI_MODULEID,
}

// SAFETY: nothing changes it once it is made.
unsafe impl Sync for Pair {}

impl Pair {
    /// The sides of the NPI with that number, which stay as long as the program runs.
    pub(crate) fn new<H: Named>(number: u128) -> &'static Self {
        let id = GUID::from_u128(0x2f5d_11f0_9d43_4f0e_8a27_0c44_9a1b_7e00 + number);
        let pair = Box::leak(Box::new(Self {
            provider: NPI_PROVIDER_CHARACTERISTICS {
                Version: 0,
                Length: struct_size::<NPI_PROVIDER_CHARACTERISTICS>(),
                ProviderAttachClient: Some(attach_client),
                ProviderDetachClient: Some(detach),
                ProviderCleanupBindingContext: Some(cleanup),
                ProviderRegistrationInstance: INSTANCE,
            },
            client: NPI_CLIENT_CHARACTERISTICS {
                Version: 0,
                Length: struct_size::<NPI_CLIENT_CHARACTERISTICS>(),
                ClientAttachProvider: Some(attach_provider::<H>),
                ClientDetachProvider: Some(detach),
                ClientCleanupBindingContext: Some(cleanup),
                ClientRegistrationInstance: INSTANCE,
            },
            npi: id,
            module: ModuleId::Guid(id).to_abi(),
        }));
        let (npi, module) = (&raw const pair.npi, &raw const pair.module);
        for instance in [
            &mut pair.provider.ProviderRegistrationInstance,
            &mut pair.client.ClientRegistrationInstance,
        ] {
            instance.NpiId = npi;
            instance.ModuleId = module;
        }
        pair
    }
}

const INSTANCE: NPI_REGISTRATION_INSTANCE = NPI_REGISTRATION_INSTANCE {
    Version: 0,
    Size: struct_size::<NPI_REGISTRATION_INSTANCE>(),
    NpiId: ptr::null(),
    ModuleId: ptr::null(),
    Number: 0,
    NpiSpecificCharacteristics: ptr::null(),
};

/// Both sides' dispatch table, which nobody calls.
static TABLE: usize = 0;

nmr_fn! {
    unsafe fn attach_provider[H: Named](
        binding: HANDLE,
        context: *mut c_void,
        _instance: *const NPI_REGISTRATION_INSTANCE,
    ) -> NTSTATUS {
        // SAFETY: the context that `come` registered.
        let nmr = unsafe { &*context.cast_const().cast::<Registrar<H>>() };
        let (mut peer, mut dispatch) = (ptr::null_mut(), ptr::null());
        let own = (&raw const TABLE).cast();
        // SAFETY: the context is not used, the outs are locals.
        let status = unsafe {
            nmr.client_attach_provider(binding, binding, own, &raw mut peer, &raw mut dispatch)
        };
        black_box((peer, dispatch));
        status
    }
}

nmr_fn! {
    unsafe fn attach_client[](
        binding: HANDLE,
        _context: *mut c_void,
        _instance: *const NPI_REGISTRATION_INSTANCE,
        _client_context: *mut c_void,
        _client_dispatch: *const c_void,
        provider_context: *mut *mut c_void,
        provider_dispatch: *mut *const c_void,
    ) -> NTSTATUS {
        // SAFETY: NMR gave room for both.
        unsafe { provider_context.write(binding) };
        // SAFETY: as above.
        unsafe { provider_dispatch.write((&raw const TABLE).cast()) };
        STATUS_SUCCESS
    }
}

nmr_fn! {
    unsafe fn detach[](context: *mut c_void) -> NTSTATUS {
        black_box(context);
        STATUS_SUCCESS
    }
}

nmr_fn! {
    unsafe fn cleanup[](context: *mut c_void) {
        black_box(context);
    }
}

/// The registration handles of a client and a provider.
#[derive(Clone, Copy)]
pub(crate) struct Handles(pub(crate) [HANDLE; 2]);

/// As many providers and clients come as there are handles for.
pub(crate) fn come<H: Named>(nmr: &Registrar<H>, pair: &'static Pair, handles: &mut [Handles]) {
    let context = ptr::from_ref(nmr).cast_mut().cast();
    for Handles([_, provider]) in &mut *handles {
        // SAFETY: the structure stays.
        let status = unsafe { nmr.register_provider(&raw const pair.provider, context, provider) };
        assert_eq!(status, STATUS_SUCCESS);
    }
    for Handles([client, _]) in &mut *handles {
        // SAFETY: the structure stays.
        let status = unsafe { nmr.register_client(&raw const pair.client, context, client) };
        assert_eq!(status, STATUS_SUCCESS);
    }
}

/// They go again.
pub(crate) fn go<H: Named>(nmr: &Registrar<H>, handles: &[Handles], provider_first: bool) {
    let clients = || {
        for &Handles([client, _]) in handles {
            assert_eq!(nmr.deregister_client(client), STATUS_PENDING);
            assert_eq!(
                nmr.wait_for_client_deregister_complete(client),
                STATUS_SUCCESS
            );
        }
    };
    let providers = || {
        for &Handles([_, provider]) in handles {
            assert_eq!(nmr.deregister_provider(provider), STATUS_PENDING);
            assert_eq!(
                nmr.wait_for_provider_deregister_complete(provider),
                STATUS_SUCCESS
            );
        }
    };
    if provider_first {
        providers();
        clients();
    } else {
        clients();
        providers();
    }
}
