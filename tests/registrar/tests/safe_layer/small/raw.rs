// SPDX-License-Identifier: MIT OR Apache-2.0

//! Peers in the manner of C: each is registered while it lives, and detaches at once.

use core::ffi::c_void;
use core::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nmr::abi::*;
use nmr::header::Header;
use nmr::{Npi, NtStatus, nmr_fn};

use super::{Functions, MODULE_ID, Small};

static ID: NPI_MODULEID = MODULE_ID.to_abi();

static TABLE: Functions = Functions {
    header: Header::of::<Functions>(1),
    poke: Some(poked),
};

/// What one of them has as its registration context, and as its binding context if
/// that is not null.
struct Context {
    null: bool,
    poked: AtomicUsize,
    /// The status of the last attach.
    attached: NTSTATUS,
    peer: *mut c_void,
    peer_table: *const c_void,
}

impl Context {
    fn new(null: bool) -> Self {
        Self {
            null,
            poked: AtomicUsize::new(0),
            attached: STATUS_PENDING,
            peer: ptr::null_mut(),
            peer_table: ptr::null(),
        }
    }

    fn binding(&self) -> *mut c_void {
        if self.null {
            ptr::null_mut()
        } else {
            ptr::from_ref(self).cast_mut().cast()
        }
    }
}

unsafe extern "system" fn poked(binding: *mut c_void) -> NTSTATUS {
    // SAFETY: the binding context, which is null or a `Context` that is alive.
    if let Some(context) = unsafe { binding.cast::<Context>().as_ref() } {
        context.poked.fetch_add(1, Ordering::Relaxed);
    }
    STATUS_SUCCESS
}

const fn instance(npi: &'static NPIID) -> NPI_REGISTRATION_INSTANCE {
    NPI_REGISTRATION_INSTANCE {
        Version: 0,
        Size: struct_size::<NPI_REGISTRATION_INSTANCE>(),
        NpiId: ptr::from_ref(npi),
        ModuleId: &raw const ID,
        Number: 0,
        NpiSpecificCharacteristics: ptr::null(),
    }
}

const fn id<const NULL: bool>() -> &'static NPIID {
    &<Small<NULL> as Npi>::ID
}

nmr_fn! {
    unsafe fn detach[](_context: *mut c_void) -> NTSTATUS {
        STATUS_SUCCESS
    }
}

nmr_fn! {
    unsafe fn attach_provider[](
        handle: HANDLE,
        context: *mut c_void,
        _provider: *const NPI_REGISTRATION_INSTANCE,
    ) -> NTSTATUS {
        // SAFETY: the registration context, which one thread at a time uses.
        let context = unsafe { &mut *context.cast::<Context>() };
        // SAFETY: inside the callback; the context and the table outlive the binding.
        context.attached = unsafe {
            NmrClientAttachProvider(
                handle,
                context.binding(),
                ptr::from_ref(&TABLE).cast(),
                &raw mut context.peer,
                &raw mut context.peer_table,
            )
        };
        context.attached
    }
}

nmr_fn! {
    unsafe fn attach_client[](
        _handle: HANDLE,
        context: *mut c_void,
        _client: *const NPI_REGISTRATION_INSTANCE,
        client_context: *mut c_void,
        client_table: *const c_void,
        provider_context: *mut *mut c_void,
        provider_table: *mut *const c_void,
    ) -> NTSTATUS {
        // SAFETY: the registration context, which one thread at a time uses.
        let context = unsafe { &mut *context.cast::<Context>() };
        context.peer = client_context;
        context.peer_table = client_table;
        // SAFETY: an out parameter.
        unsafe { provider_context.write(context.binding()) };
        // SAFETY: an out parameter.
        unsafe { provider_table.write(ptr::from_ref(&TABLE).cast()) };
        STATUS_SUCCESS
    }
}

macro_rules! raw {
    (
        $(#[$meta:meta])* $name:ident, $characteristics:ident, $register:ident,
        $deregister:ident, $wait:ident,
        $($field:ident: $callback:expr,)*; $instance:ident
    ) => {
        $(#[$meta])*
        pub(crate) struct $name {
            characteristics: Box<$characteristics>,
            context: Box<Context>,
            handle: HANDLE,
        }

        impl $name {
            /// One of `Small<NULL>`, whose binding context is null if `null`.
            pub(crate) fn register<const NULL: bool>(null: bool) -> Self {
                let mut raw = Self {
                    characteristics: Box::new($characteristics {
                        Version: 0,
                        Length: struct_size::<$characteristics>(),
                        $($field: $callback,)*
                        $instance: instance(id::<NULL>()),
                    }),
                    context: Box::new(Context::new(null)),
                    handle: ptr::null_mut(),
                };
                // SAFETY: both boxes outlive the registration.
                let status = unsafe {
                    $register(
                        &raw const *raw.characteristics,
                        (&raw mut *raw.context).cast(),
                        &raw mut raw.handle,
                    )
                };
                assert_eq!(status, STATUS_SUCCESS);
                raw
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: the registration lives.
                let status = unsafe { $deregister(self.handle) };
                assert_eq!(status, STATUS_PENDING);
                // SAFETY: the deregistration is pending.
                let status = unsafe { $wait(self.handle) };
                assert_eq!(status, STATUS_SUCCESS);
                assert_eq!(self.characteristics.Version, 0);
            }
        }
    };
}

raw! {
    /// A client.
    RawClient, NPI_CLIENT_CHARACTERISTICS, NmrRegisterClient,
    NmrDeregisterClient, NmrWaitForClientDeregisterComplete,
    ClientAttachProvider: Some(attach_provider),
    ClientDetachProvider: Some(detach),
    ClientCleanupBindingContext: None,; ClientRegistrationInstance
}

raw! {
    /// A provider.
    RawProvider, NPI_PROVIDER_CHARACTERISTICS, NmrRegisterProvider,
    NmrDeregisterProvider, NmrWaitForProviderDeregisterComplete,
    ProviderAttachClient: Some(attach_client),
    ProviderDetachClient: Some(detach),
    ProviderCleanupBindingContext: None,; ProviderRegistrationInstance
}

impl RawClient {
    /// The status of its attach.
    pub(crate) fn attached(&self) -> NtStatus {
        NtStatus(self.context.attached)
    }

    /// Calls its provider.
    pub(crate) fn poke(&self) {
        // SAFETY: the provider is attached, and its table a static.
        let table = unsafe { &*self.context.peer_table.cast::<Functions>() };
        // SAFETY: the provider is attached.
        let status = unsafe { table.poke.expect("set")(self.context.peer) };
        assert_eq!(status, STATUS_SUCCESS);
    }
}

impl RawProvider {
    /// The number of its clients' calls.
    pub(crate) fn poked(&self) -> usize {
        self.context.poked.load(Ordering::Relaxed)
    }
}

/// A count that a hook adds to.
pub(crate) fn counting<T>(count: &Arc<AtomicUsize>) -> impl Fn(T) + Send + Sync + 'static + use<T> {
    let count = Arc::clone(count);
    move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    }
}
