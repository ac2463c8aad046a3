// SPDX-License-Identifier: MIT OR Apache-2.0

//! The nine functions.

use core::ffi::c_void;

use nmr::abi::{HANDLE, NPI_CLIENT_CHARACTERISTICS, NPI_PROVIDER_CHARACTERISTICS, NTSTATUS};

use crate::characteristics::Characteristics;
use crate::host::{Host, Lock, Side};
use crate::ledger::Ledger;
use crate::state::State;

/// A Network Module Registrar.
///
/// Its methods are NMR's functions under their own contracts. They may be
/// called on any thread at any time, from inside callbacks too. No callback and
/// no method of the host runs while the registrar is locked.
pub struct Registrar<H: Host> {
    pub(crate) host: H,
    pub(crate) state: H::Lock<State<H::Completion>>,
    pub(crate) ledger: H::Lock<Ledger>,
}

impl<H: Host> Registrar<H> {
    /// One with no registrations.
    pub fn new(host: H) -> Self {
        Self {
            host,
            state: H::Lock::new(State::new()),
            ledger: H::Lock::new(Ledger::new(H::EVENTS)),
        }
    }

    /// The system around it.
    pub const fn host(&self) -> &H {
        &self.host
    }

    /// `NmrRegisterProvider`. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Safety
    ///
    /// The structure and all it points to stay readable until the provider's
    /// deregistration is complete, and its callbacks may be called under their
    /// documented contracts. `handle` is null or may be written.
    pub unsafe fn register_provider(
        &self,
        characteristics: *const NPI_PROVIDER_CHARACTERISTICS,
        context: *mut c_void,
        handle: *mut HANDLE,
    ) -> NTSTATUS {
        // SAFETY: the structure and all it points to stay readable until the
        // provider's deregistration is complete, and its callbacks may be
        // called under their documented contracts. `handle` is null or may be
        // written, by this function's contract.
        let characteristics = unsafe { Characteristics::provider(characteristics) };
        // SAFETY: the structure and all it points to stay readable until the
        // provider's deregistration is complete, and its callbacks may be
        // called under their documented contracts. `handle` is null or may be
        // written, by this function's contract.
        unsafe { self.register(Side::Provider, characteristics, context, handle) }
    }

    /// `NmrRegisterClient`. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Safety
    ///
    /// As for [`register_provider`](Self::register_provider).
    pub unsafe fn register_client(
        &self,
        characteristics: *const NPI_CLIENT_CHARACTERISTICS,
        context: *mut c_void,
        handle: *mut HANDLE,
    ) -> NTSTATUS {
        // SAFETY: the arguments meet the contract of `register_provider`.
        let characteristics = unsafe { Characteristics::client(characteristics) };
        // SAFETY: the arguments meet the contract of `register_provider`.
        unsafe { self.register(Side::Client, characteristics, context, handle) }
    }

    /// `NmrDeregisterProvider`. IRQL <= `DISPATCH_LEVEL`.
    pub fn deregister_provider(&self, handle: HANDLE) -> NTSTATUS {
        self.deregister(Side::Provider, handle)
    }

    /// `NmrDeregisterClient`. IRQL <= `DISPATCH_LEVEL`.
    pub fn deregister_client(&self, handle: HANDLE) -> NTSTATUS {
        self.deregister(Side::Client, handle)
    }

    /// `NmrWaitForProviderDeregisterComplete`. IRQL < `DISPATCH_LEVEL`.
    pub fn wait_for_provider_deregister_complete(&self, handle: HANDLE) -> NTSTATUS {
        self.wait(Side::Provider, handle)
    }

    /// `NmrWaitForClientDeregisterComplete`. IRQL < `DISPATCH_LEVEL`.
    pub fn wait_for_client_deregister_complete(&self, handle: HANDLE) -> NTSTATUS {
        self.wait(Side::Client, handle)
    }

    /// `NmrClientAttachProvider`. IRQL = `PASSIVE_LEVEL`.
    ///
    /// # Safety
    ///
    /// The context and the dispatch table stay good until the client's cleanup
    /// callback, or until this fails. The last two are null or may be written.
    pub unsafe fn client_attach_provider(
        &self,
        binding_handle: HANDLE,
        client_binding_context: *mut c_void,
        client_dispatch: *const c_void,
        provider_binding_context: *mut *mut c_void,
        provider_dispatch: *mut *const c_void,
    ) -> NTSTATUS {
        // SAFETY: the context and the dispatch table stay good until the
        // client's cleanup callback, or until this fails. The last two are
        // null or may be written, by this function's contract.
        unsafe {
            self.attach_provider(
                binding_handle,
                client_binding_context,
                client_dispatch,
                provider_binding_context,
                provider_dispatch,
            )
        }
    }

    /// `NmrClientDetachProviderComplete`. IRQL <= `DISPATCH_LEVEL`.
    pub fn client_detach_provider_complete(&self, binding_handle: HANDLE) {
        self.detach_complete(Side::Client, binding_handle);
    }

    /// `NmrProviderDetachClientComplete`. IRQL <= `DISPATCH_LEVEL`.
    pub fn provider_detach_client_complete(&self, binding_handle: HANDLE) {
        self.detach_complete(Side::Provider, binding_handle);
    }
}
