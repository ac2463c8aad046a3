// SPDX-License-Identifier: MIT OR Apache-2.0

//! Modules that are not written with `nmr`: they accept every peer, and hand over what a
//! test wants.

use core::ffi::c_void;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nmr::abi::{
    GUID, HANDLE, NPI_CLIENT_CHARACTERISTICS, NPI_MODULEID, NPI_PROVIDER_CHARACTERISTICS,
    NPI_REGISTRATION_INSTANCE, NPIID, NTSTATUS, NmrClientAttachProvider, NmrDeregisterClient,
    NmrDeregisterProvider, NmrRegisterClient, NmrRegisterProvider,
    NmrWaitForClientDeregisterComplete, NmrWaitForProviderDeregisterComplete, STATUS_PENDING,
    STATUS_SUCCESS, struct_size,
};
use nmr::nmr_fn;

/// What a module that is not written with `nmr` hands over.
#[derive(Clone, Copy)]
pub(crate) struct Foreign<'test> {
    pub(crate) npi: &'test NPIID,
    pub(crate) module_id: GUID,
    pub(crate) number: u32,
    /// The version of its registration instance.
    pub(crate) version: u16,
    pub(crate) characteristics: *const c_void,
    pub(crate) dispatch: *const c_void,
    pub(crate) context: *mut c_void,
}

/// A peer that it has met.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    /// What `NmrClientAttachProvider` returned, or the foreign provider.
    pub(crate) status: NTSTATUS,
    pub(crate) context: *mut c_void,
    pub(crate) dispatch: *const c_void,
}

/// The registration context of a foreign module.
pub(crate) struct Registered<'test> {
    foreign: Foreign<'test>,
    peers: Mutex<Vec<Peer>>,
}

impl Registered<'_> {
    /// The peers that were offered and got as far as the exchange of tables.
    pub(crate) fn peers(&self) -> MutexGuard<'_, Vec<Peer>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one peer.
    pub(crate) fn peer(&self) -> Peer {
        let peers = self.peers();
        assert_eq!(peers.len(), 1);
        peers[0]
    }
}

impl<'test> Foreign<'test> {
    /// A module of `npi` with a context and nothing else.
    pub(crate) fn new(npi: &'test NPIID) -> Self {
        Self {
            npi,
            module_id: GUID::from_u128(0xF0),
            number: 0,
            version: 0,
            characteristics: ptr::null(),
            dispatch: ptr::null(),
            context: ptr::without_provenance_mut(0xC0),
        }
    }

    /// The same, saying `characteristics` of itself.
    pub(crate) const fn saying<T>(mut self, characteristics: &'test T) -> Self {
        self.characteristics = ptr::from_ref(characteristics).cast();
        self
    }

    /// The same, with this dispatch table.
    pub(crate) const fn with_table<T>(mut self, dispatch: &'test T) -> Self {
        self.dispatch = ptr::from_ref(dispatch).cast();
        self
    }

    fn instance(&self, module_id: &NPI_MODULEID) -> NPI_REGISTRATION_INSTANCE {
        NPI_REGISTRATION_INSTANCE {
            Version: self.version,
            Size: struct_size::<NPI_REGISTRATION_INSTANCE>(),
            NpiId: self.npi,
            ModuleId: module_id,
            Number: self.number,
            NpiSpecificCharacteristics: self.characteristics,
        }
    }

    fn context(self) -> Registered<'test> {
        Registered {
            foreign: self,
            peers: Mutex::default(),
        }
    }

    /// Registers it as a provider, runs `body`, and deregisters it.
    pub(crate) fn provider(self, body: impl FnOnce(&Registered<'test>)) {
        let registered = self.context();
        let module_id = NPI_MODULEID::from_guid(self.module_id);
        let characteristics = NPI_PROVIDER_CHARACTERISTICS {
            Version: 0,
            Length: struct_size::<NPI_PROVIDER_CHARACTERISTICS>(),
            ProviderAttachClient: Some(attach_client),
            ProviderDetachClient: Some(detach),
            ProviderCleanupBindingContext: None,
            ProviderRegistrationInstance: self.instance(&module_id),
        };
        let context = ptr::from_ref(&registered).cast_mut().cast();
        let mut handle = ptr::null_mut();
        // SAFETY: characteristics and context outlive the registration.
        let status =
            unsafe { NmrRegisterProvider(&raw const characteristics, context, &raw mut handle) };
        assert_eq!(status, STATUS_SUCCESS);
        body(&registered);
        // SAFETY: the registration lives.
        assert_eq!(unsafe { NmrDeregisterProvider(handle) }, STATUS_PENDING);
        // SAFETY: the deregistration is pending.
        let status = unsafe { NmrWaitForProviderDeregisterComplete(handle) };
        assert_eq!(status, STATUS_SUCCESS);
    }

    /// Registers it as a client, runs `body`, and deregisters it.
    pub(crate) fn client(self, body: impl FnOnce(&Registered<'test>)) {
        let registered = self.context();
        let module_id = NPI_MODULEID::from_guid(self.module_id);
        let characteristics = NPI_CLIENT_CHARACTERISTICS {
            Version: 0,
            Length: struct_size::<NPI_CLIENT_CHARACTERISTICS>(),
            ClientAttachProvider: Some(attach_provider),
            ClientDetachProvider: Some(detach),
            ClientCleanupBindingContext: None,
            ClientRegistrationInstance: self.instance(&module_id),
        };
        let context = ptr::from_ref(&registered).cast_mut().cast();
        let mut handle = ptr::null_mut();
        // SAFETY: characteristics and context outlive the registration.
        let status =
            unsafe { NmrRegisterClient(&raw const characteristics, context, &raw mut handle) };
        assert_eq!(status, STATUS_SUCCESS);
        body(&registered);
        // SAFETY: the registration lives.
        assert_eq!(unsafe { NmrDeregisterClient(handle) }, STATUS_PENDING);
        // SAFETY: the deregistration is pending.
        let status = unsafe { NmrWaitForClientDeregisterComplete(handle) };
        assert_eq!(status, STATUS_SUCCESS);
    }
}

nmr_fn! {
    unsafe fn attach_client[](
        _handle: HANDLE,
        context: *mut c_void,
        _client: *const NPI_REGISTRATION_INSTANCE,
        client_context: *mut c_void,
        client_dispatch: *const c_void,
        provider_context: *mut *mut c_void,
        provider_dispatch: *mut *const c_void,
    ) -> NTSTATUS {
        // SAFETY: the context is what was registered, which is alive.
        let registered = unsafe { &*context.cast::<Registered<'_>>() };
        registered.peers().push(Peer {
            status: STATUS_SUCCESS,
            context: client_context,
            dispatch: client_dispatch,
        });
        // SAFETY: an out parameter.
        unsafe { provider_context.write(registered.foreign.context) };
        // SAFETY: an out parameter.
        unsafe { provider_dispatch.write(registered.foreign.dispatch) };
        STATUS_SUCCESS
    }
}

nmr_fn! {
    unsafe fn attach_provider[](
        handle: HANDLE,
        context: *mut c_void,
        _provider: *const NPI_REGISTRATION_INSTANCE,
    ) -> NTSTATUS {
        // SAFETY: the context is what was registered, which is alive.
        let registered = unsafe { &*context.cast::<Registered<'_>>() };
        let (mut provider_context, mut provider_dispatch) = (ptr::null_mut(), ptr::null());
        // SAFETY: the handle is that of this callback; what is handed over lives as long
        // as the registration.
        let status = unsafe {
            NmrClientAttachProvider(
                handle,
                registered.foreign.context,
                registered.foreign.dispatch,
                &raw mut provider_context,
                &raw mut provider_dispatch,
            )
        };
        registered.peers().push(Peer {
            status,
            context: provider_context,
            dispatch: provider_dispatch,
        });
        status
    }
}

nmr_fn! {
    unsafe fn detach[](_context: *mut c_void) -> NTSTATUS {
        STATUS_SUCCESS
    }
}
