// SPDX-License-Identifier: MIT OR Apache-2.0

//! The six callbacks, each a few steps between NMR and a [`Module`].

use core::ffi::c_void;
use core::ptr;

use super::abi::{
    HANDLE, NPI_MODULEID, NPI_REGISTRATION_INSTANCE, NTSTATUS, NmrClientAttachProvider,
};
use super::binding::{Binding, InFlight};
use super::gate::Leave;
use super::handle::BindingHandle;
use super::irql::PassiveLevel;
use super::module::{Module, PeerModule};
use super::registration::Registered;
use super::role::{Client, Provider, Role};
use crate::header::checked;
use crate::{NtStatus, Result, nmr_fn};

type ProviderDispatch<M> = <Provider as Role>::Dispatch<<M as Module>::Npi>;
type ClientDispatch<M> = <Client as Role>::Dispatch<<M as Module>::Npi>;

nmr_fn! {
    /// `ClientAttachProvider`. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nc-netioddk-npi_client_attach_provider_fn>
    ///
    /// # Safety
    ///
    /// Called by NMR, with the context of a `Registered<M>`.
    pub(super) unsafe fn client_attach_provider[M: Module<Role = Client>](
        binding_handle: HANDLE,
        context: *mut c_void,
        instance: *const NPI_REGISTRATION_INSTANCE,
    ) -> NTSTATUS {
        // SAFETY: NMR passes the context of the registration, which is alive.
        let registered = unsafe { Registered::<M>::from_context(context) };
        // SAFETY: NMR attaches at `PASSIVE_LEVEL`, and passes an instance that
        // is valid during the callback.
        let attached = unsafe { attach_provider(registered, binding_handle, instance) };
        attached.map_or_else(|refused| refusal(refused).0, |accepted| accepted.0)
    }
}

/// The status to refuse with: a success would tell NMR that the peer was
/// accepted, with a binding that does not exist.
const fn refusal(status: NtStatus) -> NtStatus {
    if status.is_success() {
        NtStatus::NOINTERFACE
    } else {
        status
    }
}

/// Accepts or refuses a provider; the status is the one to return to NMR.
///
/// # Safety
///
/// The arguments are those of a `ClientAttachProvider` callback that is
/// running.
unsafe fn attach_provider<M: Module<Role = Client>>(
    registered: &Registered<M>,
    binding_handle: HANDLE,
    instance: *const NPI_REGISTRATION_INSTANCE,
) -> Result<NtStatus> {
    // SAFETY: an attach callback runs at `PASSIVE_LEVEL`.
    let passive = unsafe { PassiveLevel::assume() };
    // SAFETY: NMR vouches for the instance during the callback.
    let peer = unsafe { PeerModule::new(instance) }?;
    let context = registered.module().attach(&peer, &passive)?;
    let handle = BindingHandle::new(binding_handle);
    // SAFETY: NMR cleans every binding up before the registration ends.
    let binding = unsafe {
        Binding::new(
            handle,
            registered.into(),
            peer.module_id().and_then(NPI_MODULEID::guid),
            context,
        )
    }?;

    // From here on the provider may call.
    let mut provider_context = ptr::null_mut();
    let mut provider_dispatch = ptr::null();
    // SAFETY: the handle is the one of this callback; binding and dispatch
    // table stay where they are until the cleanup callback.
    let status = NtStatus(unsafe {
        NmrClientAttachProvider(
            handle.raw(),
            binding.as_ptr().cast(),
            ptr::from_ref(M::DISPATCH).cast(),
            &raw mut provider_context,
            &raw mut provider_dispatch,
        )
    });
    if !status.is_success() {
        // SAFETY: the attach failed: the provider has forgotten the binding,
        // and NMR will not ask for its cleanup.
        unsafe { Binding::free(binding) };
        return Err(status);
    }

    // SAFETY: the binding is fresh.
    let attach = unsafe { InFlight::attach(binding) };
    // SAFETY: the provider keeps what it hands over until both sides detached.
    let table = unsafe { checked::<ProviderDispatch<M>>(provider_dispatch.cast()) };
    match table {
        Ok(table) if attach.binding().usable(table) => {
            // SAFETY: the first and only time; the table was checked.
            unsafe { attach.binding().open(table, provider_context) };
            registered.module().attached(attach);
        }
        _ => registered.module().unusable(),
    }
    Ok(status)
}

nmr_fn! {
    /// `ProviderAttachClient`. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nc-netioddk-npi_provider_attach_client_fn>
    ///
    /// # Safety
    ///
    /// Called by NMR, with the context of a `Registered<M>`.
    pub(super) unsafe fn provider_attach_client[M: Module<Role = Provider>](
        binding_handle: HANDLE,
        context: *mut c_void,
        instance: *const NPI_REGISTRATION_INSTANCE,
        client_context: *mut c_void,
        client_dispatch: *const c_void,
        provider_context: *mut *mut c_void,
        provider_dispatch: *mut *const c_void,
    ) -> NTSTATUS {
        // SAFETY: NMR passes the context of the registration, which is alive.
        let registered = unsafe { Registered::<M>::from_context(context) };
        // SAFETY: as the function says, the arguments are NMR's own.
        let attached = unsafe {
            attach_client(registered, binding_handle, instance, client_context, client_dispatch)
        };
        let binding = match attached {
            Ok(binding) => binding,
            Err(refused) => return refusal(refused).0,
        };
        // SAFETY: NMR passes places for both results.
        unsafe { provider_context.write(binding) };
        // SAFETY: as above.
        unsafe { provider_dispatch.write(ptr::from_ref(M::DISPATCH).cast()) };
        NtStatus::SUCCESS.0
    }
}

/// Accepts a client with a binding context, or refuses it. Calls nothing of
/// the client's: the binding is not committed before the callback returns.
///
/// # Safety
///
/// The arguments are those of a `ProviderAttachClient` callback that is
/// running.
unsafe fn attach_client<M: Module<Role = Provider>>(
    registered: &Registered<M>,
    binding_handle: HANDLE,
    instance: *const NPI_REGISTRATION_INSTANCE,
    client_context: *mut c_void,
    client_dispatch: *const c_void,
) -> Result<*mut c_void> {
    // SAFETY: an attach callback runs at `PASSIVE_LEVEL`.
    let passive = unsafe { PassiveLevel::assume() };
    // SAFETY: NMR vouches for the instance during the callback.
    let peer = unsafe { PeerModule::new(instance) }?;
    // SAFETY: the client keeps what it hands over until both sides detached.
    let table = unsafe { checked::<ClientDispatch<M>>(client_dispatch.cast()) }
        .map_err(|_| NtStatus::NOINTERFACE)?;
    let context = registered.module().attach(&peer, &passive)?;
    if !M::usable(&context, table) {
        return Err(NtStatus::NOINTERFACE);
    }
    let handle = BindingHandle::new(binding_handle);
    // SAFETY: NMR cleans every binding up before the registration ends.
    let binding = unsafe {
        Binding::new(
            handle,
            registered.into(),
            peer.module_id().and_then(NPI_MODULEID::guid),
            context,
        )
    }?;
    // SAFETY: the binding is fresh.
    let attach = unsafe { InFlight::attach(binding) };
    // SAFETY: the first and only time; the table was checked.
    unsafe { attach.binding().open(table, client_context) };
    Ok(binding.as_ptr().cast())
}

nmr_fn! {
    /// `ClientDetachProvider` or `ProviderDetachClient`.
    /// IRQL <= `DISPATCH_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nc-netioddk-npi_client_detach_provider_fn>
    ///
    /// # Safety
    ///
    /// Called by NMR, with the context of a `Binding<M>` that is attached.
    pub(super) unsafe fn detach[M: Module](context: *mut c_void) -> NTSTATUS {
        // SAFETY: NMR passes the context of a binding that is attached, and
        // detaches it once.
        match unsafe { Binding::<M>::detach(context.cast()) } {
            Leave::LastOut => NtStatus::SUCCESS.0,
            Leave::NotLast => NtStatus::PENDING.0,
        }
    }
}

nmr_fn! {
    /// `ClientCleanupBindingContext` or `ProviderCleanupBindingContext`: the
    /// one place where an attached binding is freed. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nc-netioddk-npi_client_cleanup_binding_context_fn>
    ///
    /// # Safety
    ///
    /// Called by NMR, with the context of a `Binding<M>` that both sides have
    /// detached from.
    pub(super) unsafe fn cleanup_binding_context[M: Module](context: *mut c_void) {
        if let Some(binding) = ptr::NonNull::new(context.cast::<Binding<M>>()) {
            // SAFETY: NMR cleans up once, after both sides detached.
            unsafe { Binding::free(binding) };
        }
    }
}
