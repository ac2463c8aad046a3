// SPDX-License-Identifier: MIT OR Apache-2.0

//! The callbacks that NMR calls, which call the [`Module`].

use core::ffi::c_void;
use core::ptr::{self, NonNull};

use crate::abi::{HANDLE, NPI_REGISTRATION_INSTANCE, NTSTATUS, NmrClientAttachProvider};
use crate::binding::{Accepted, Binding, Hold};
use crate::event::Event;
use crate::handle::BindingHandle;
use crate::irql::PassiveLevel;
use crate::layout::Handed;
use crate::module::{Module, ModuleId, PeerModule};
use crate::registration::Block;
use crate::role::{Client, Provider, Role};
use crate::{NtStatus, Result, nmr_fn};

nmr_fn! {
    /// `ClientAttachProvider`. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nc-netioddk-npi_client_attach_provider_fn>
    ///
    /// # Safety
    ///
    /// Called by NMR, with the context of a `Block<M>`.
    pub(crate) unsafe fn client_attach_provider[M: Module<Role = Client>](
        binding_handle: HANDLE,
        context: *mut c_void,
        instance: *const NPI_REGISTRATION_INSTANCE,
    ) -> NTSTATUS {
        // SAFETY: NMR passes the context of the registration, which is alive.
        let block = unsafe { Block::<M>::from_context(context) };
        // SAFETY: NMR attaches at `PASSIVE_LEVEL`, and passes an instance that
        // is valid during the callback.
        let attached = unsafe { attach_provider(block, binding_handle, instance) };
        attached.map_or_else(|refused| refusal(refused).0, |accepted| accepted.0)
    }
}

/// Returns the status for a refusal: a success would tell NMR that the peer was accepted,
/// with a binding that does not exist.
const fn refusal(status: NtStatus) -> NtStatus {
    if status.is_success() {
        NtStatus::NOINTERFACE
    } else {
        status
    }
}

/// Creates the binding to a peer, if the module accepts the peer. Returns it with the
/// identity of the peer.
///
/// # Safety
///
/// The arguments are those of an attach callback that is running.
unsafe fn accept<M: Module>(
    block: &Block<M>,
    binding_handle: HANDLE,
    instance: *const NPI_REGISTRATION_INSTANCE,
) -> Result<(NonNull<Binding<M>>, Option<ModuleId>)> {
    // SAFETY: an attach callback runs at `PASSIVE_LEVEL`.
    let passive = unsafe { PassiveLevel::assume() };
    // SAFETY: NMR keeps the instance valid during the callback.
    let peer = unsafe { PeerModule::new(instance) }?;
    let made = block.admit_peer().and_then(|()| {
        let made = block.module().attach(&peer, &passive).and_then(|context| {
            let handle = BindingHandle::new(binding_handle);
            // SAFETY: NMR cleans up every binding before the deregistration is complete.
            unsafe { Binding::new(handle, block.into(), peer.module_id(), context) }
        });
        made.inspect_err(|_| block.peer_left())
    });
    let peer = peer.module_id();
    made.map(|binding| (binding, peer))
        .inspect_err(|&status| trace_attach(block, peer, refusal(status)))
}

/// Traces an attach with its result.
fn trace_attach<M: Module>(block: &Block<M>, peer: Option<ModuleId>, status: NtStatus) {
    block.module().trace(Event::Attach { peer, status });
}

/// Accepts or refuses a provider; returns the status for NMR.
///
/// # Safety
///
/// The arguments are those of a `ClientAttachProvider` callback that is
/// running.
unsafe fn attach_provider<M: Module<Role = Client>>(
    block: &Block<M>,
    binding_handle: HANDLE,
    instance: *const NPI_REGISTRATION_INSTANCE,
) -> Result<NtStatus> {
    // SAFETY: by this function's contract.
    let (binding, peer) = unsafe { accept(block, binding_handle, instance) }?;

    // From here on the provider may call.
    let mut provider_context = ptr::null_mut();
    let mut provider_dispatch = ptr::null();
    // SAFETY: the handle is that of this callback. The binding and the dispatch table stay
    // at their addresses until the cleanup callback.
    let status = NtStatus(unsafe {
        NmrClientAttachProvider(
            binding_handle,
            binding.as_ptr().cast(),
            <Client as Role>::Dispatch::<M::Npi>::pointer(*M::TABLE.own()),
            &raw mut provider_context,
            &raw mut provider_dispatch,
        )
    });
    trace_attach(block, peer, status);
    if !status.is_success() {
        // SAFETY: the attach failed, so that the provider does not use the binding, and NMR
        // does not call its cleanup callback.
        unsafe { Binding::free(binding) };
        return Err(status);
    }

    // SAFETY: the binding is new, and this is its only `Hold::attach`.
    let attach = unsafe { Hold::attach(binding) };
    // SAFETY: called once; the provider keeps its table and context valid until both sides
    // have detached.
    if unsafe { attach.binding().open(provider_dispatch, provider_context) } {
        // `None` if the detach callback has been called already.
        if let Some(call) = attach.binding().enter() {
            block.module().attached(call);
        }
    } else {
        block.module().dispatch_rejected();
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
    /// Called by NMR, with the context of a `Block<M>`.
    pub(crate) unsafe fn provider_attach_client[M: Module<Role = Provider>](
        binding_handle: HANDLE,
        context: *mut c_void,
        instance: *const NPI_REGISTRATION_INSTANCE,
        client_context: *mut c_void,
        client_dispatch: *const c_void,
        provider_context: *mut *mut c_void,
        provider_dispatch: *mut *const c_void,
    ) -> NTSTATUS {
        if provider_context.is_null() || provider_dispatch.is_null() {
            return NtStatus::INVALID_PARAMETER.0;
        }
        // SAFETY: NMR passes the context of the registration, which is alive.
        let block = unsafe { Block::<M>::from_context(context) };
        // SAFETY: these are the arguments of a `ProviderAttachClient` callback.
        let attached = unsafe {
            attach_client(block, binding_handle, instance, client_context, client_dispatch)
        };
        let binding = match attached {
            Ok(binding) => binding,
            Err(refused) => return refusal(refused).0,
        };
        // SAFETY: NMR passes places for both results.
        unsafe { provider_context.write(binding.as_ptr().cast()) };
        let own = <Provider as Role>::Dispatch::<M::Npi>::pointer(*M::TABLE.own());
        // SAFETY: NMR passes places for both results.
        unsafe { provider_dispatch.write(own) };
        NtStatus::SUCCESS.0
    }
}

/// Creates a binding to a client, or refuses the client. Does not call the client: the
/// binding is not committed before the callback has returned.
///
/// # Safety
///
/// The arguments are those of a `ProviderAttachClient` callback that is
/// running.
unsafe fn attach_client<M: Module<Role = Provider>>(
    block: &Block<M>,
    binding_handle: HANDLE,
    instance: *const NPI_REGISTRATION_INSTANCE,
    client_context: *mut c_void,
    client_dispatch: *const c_void,
) -> Result<NonNull<Binding<M>>> {
    // SAFETY: by this function's contract.
    let (binding, peer) = unsafe { accept(block, binding_handle, instance) }?;
    // SAFETY: the binding is valid, and no other thread has it.
    let fresh = unsafe { binding.as_ref() };
    // SAFETY: called once; the client keeps its table and context valid until both sides have
    // detached.
    if !unsafe { fresh.open(client_dispatch, client_context) } {
        trace_attach(block, peer, NtStatus::NOINTERFACE);
        // SAFETY: NMR has not been told of the binding.
        unsafe { Binding::free(binding) };
        return Err(NtStatus::NOINTERFACE);
    }
    trace_attach(block, peer, NtStatus::SUCCESS);
    // The provider makes no call in the attach: the module drops this hold, or keeps it.
    // SAFETY: the binding is new, and this is its only `Hold::attach`.
    let attach = unsafe { Hold::attach(binding) };
    block.module().accepted(Accepted::new(attach));
    Ok(binding)
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
    pub(crate) unsafe fn detach[M: Module](context: *mut c_void) -> NTSTATUS {
        match NonNull::new(context.cast()) {
            // SAFETY: NMR passes the context of a binding that is attached, and
            // detaches it once.
            Some(binding) => unsafe { Binding::<M>::detach(binding) },
            None => NtStatus::SUCCESS.0,
        }
    }
}

nmr_fn! {
    /// `ClientCleanupBindingContext` or `ProviderCleanupBindingContext`: frees the binding,
    /// which nothing else does once it is attached. IRQL <= `DISPATCH_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/netioddk/nc-netioddk-npi_client_cleanup_binding_context_fn>
    ///
    /// # Safety
    ///
    /// Called by NMR, with the context of a `Binding<M>` that both sides have
    /// detached from.
    pub(crate) unsafe fn cleanup_binding_context[M: Module](context: *mut c_void) {
        if let Some(binding) = NonNull::new(context.cast::<Binding<M>>()) {
            // SAFETY: NMR cleans up once, after both sides detached.
            let (block, peer) = unsafe { Binding::free(binding) };
            block.module().trace(Event::Cleanup { peer });
        }
    }
}
