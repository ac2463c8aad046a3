// SPDX-License-Identifier: MIT OR Apache-2.0

//! NMR's nine functions, as far as one binding needs them: a registration is
//! remembered, and a completed detach counted.
//!
//! The model checker runs all its threads on one, so plain thread-locals do.

use core::cell::Cell;
use core::ffi::c_void;
use core::ptr;

use loom::sync::atomic::{AtomicUsize, Ordering};
use nmr::abi::*;
use nmr::{Loading, Module, Registered, Registration, nmr_fn};

use crate::npi;

/// One side of a binding, whose address is its handle.
pub(crate) struct Side {
    /// How often the detach was completed.
    completed: AtomicUsize,
}

impl Side {
    pub(crate) fn new() -> Self {
        Self {
            completed: AtomicUsize::new(0),
        }
    }

    pub(crate) fn handle(&self) -> HANDLE {
        ptr::from_ref(self).cast_mut().cast()
    }

    pub(crate) fn completions(&self) -> usize {
        self.completed.load(Ordering::Acquire)
    }
}

thread_local! {
    static PROVIDER: Cell<(*const NPI_PROVIDER_CHARACTERISTICS, *mut c_void)> =
        const { Cell::new((ptr::null(), ptr::null_mut())) };
    static CLIENT: Cell<(*const NPI_CLIENT_CHARACTERISTICS, *mut c_void)> =
        const { Cell::new((ptr::null(), ptr::null_mut())) };
    static OFFERED: Cell<*mut c_void> = const { Cell::new(ptr::null_mut()) };
    static PEER: Cell<(*mut c_void, *const c_void)> =
        const { Cell::new((ptr::null_mut(), ptr::null())) };
}

/// Registers `module`.
pub(crate) fn register<M: Module>(module: M) -> Registration<M> {
    // SAFETY: there is no IRQL here, and the tests end what they register.
    let registered = unsafe { Loading::assume() }.register(module);
    registered.expect("fake NMR agrees")
}

/// Deregisters a module, which is complete at once.
pub(crate) fn end<M: Module>(registration: Registration<M>) {
    // SAFETY: there is no IRQL here, and nothing to wait for.
    drop(unsafe { Registered::new(registration) }.deregister());
}

/// What a peer says of itself at an attach.
pub(crate) fn peer_instance() -> NPI_REGISTRATION_INSTANCE {
    static MODULE_ID: NPI_MODULEID = npi::MODULE_ID.to_abi();
    NPI_REGISTRATION_INSTANCE {
        Version: 0,
        Size: struct_size::<NPI_REGISTRATION_INSTANCE>(),
        NpiId: ptr::null(),
        ModuleId: &raw const MODULE_ID,
        Number: 0,
        NpiSpecificCharacteristics: ptr::null(),
    }
}

/// A binding context, as NMR knows it.
#[derive(Clone, Copy)]
pub(crate) struct Context(*mut c_void);

// SAFETY: NMR calls from any thread; the model checks what is done with it.
unsafe impl Send for Context {}

impl Context {
    pub(crate) fn get(self) -> *mut c_void {
        self.0
    }
}

/// Offers a client to the provider that registered last. Returns its binding context
/// and its dispatch table.
pub(crate) fn attach_client(
    side: &Side,
    client: *mut c_void,
    table: *const c_void,
) -> (Context, *const c_void) {
    let (callbacks, context) = provider();
    let instance = peer_instance();
    let mut binding = ptr::null_mut();
    let mut dispatch = ptr::null();
    // SAFETY: as NMR would call it.
    let status = unsafe {
        callbacks.ProviderAttachClient.expect("required")(
            side.handle(),
            context,
            &raw const instance,
            client,
            table,
            &raw mut binding,
            &raw mut dispatch,
        )
    };
    assert_eq!(status, STATUS_SUCCESS);
    (Context(binding), dispatch)
}

/// Offers a provider to the client that registered last. Returns its binding context.
pub(crate) fn attach_provider(side: &Side, peer: *mut c_void, table: *const c_void) -> Context {
    PEER.set((peer, table));
    let (callbacks, context) = client();
    let instance = peer_instance();
    // SAFETY: as NMR would call it.
    let status = unsafe {
        callbacks.ClientAttachProvider.expect("required")(
            side.handle(),
            context,
            &raw const instance,
        )
    };
    assert_eq!(status, STATUS_SUCCESS);
    Context(OFFERED.get())
}

/// Calls the detach callback of a provider's binding. Returns `true` if it is pending.
pub(crate) fn detach_client(binding: Context) -> bool {
    // SAFETY: as NMR would call it, once.
    let status = unsafe { provider().0.ProviderDetachClient.expect("required")(binding.0) };
    status == STATUS_PENDING
}

/// Calls the detach callback of a client's binding. Returns `true` if it is pending.
pub(crate) fn detach_provider(binding: Context) -> bool {
    // SAFETY: as NMR would call it, once.
    let status = unsafe { client().0.ClientDetachProvider.expect("required")(binding.0) };
    status == STATUS_PENDING
}

/// Cleans a provider's binding up.
pub(crate) fn clean_up_client(binding: Context) {
    // SAFETY: as NMR would call it, both sides having detached.
    unsafe { provider().0.ProviderCleanupBindingContext.expect("set")(binding.0) };
}

/// Cleans a client's binding up.
pub(crate) fn clean_up_provider(binding: Context) {
    // SAFETY: as NMR would call it, both sides having detached.
    unsafe { client().0.ClientCleanupBindingContext.expect("set")(binding.0) };
}

/// The provider that registered last.
fn provider() -> (&'static NPI_PROVIDER_CHARACTERISTICS, *mut c_void) {
    let (characteristics, context) = PROVIDER.get();
    // SAFETY: the tests keep the registration while they use it.
    (unsafe { &*characteristics }, context)
}

/// The client that registered last.
fn client() -> (&'static NPI_CLIENT_CHARACTERISTICS, *mut c_void) {
    let (characteristics, context) = CLIENT.get();
    // SAFETY: the tests keep the registration while they use it.
    (unsafe { &*characteristics }, context)
}

nmr_fn! {
    #[unsafe(no_mangle)]
    unsafe fn NmrRegisterProvider[](
        characteristics: *const NPI_PROVIDER_CHARACTERISTICS,
        context: *mut c_void,
        handle: *mut HANDLE,
    ) -> NTSTATUS {
        PROVIDER.set((characteristics, context));
        // SAFETY: an out parameter.
        unsafe { handle.write(ptr::dangling_mut()) };
        STATUS_SUCCESS
    }
}

nmr_fn! {
    #[unsafe(no_mangle)]
    unsafe fn NmrRegisterClient[](
        characteristics: *const NPI_CLIENT_CHARACTERISTICS,
        context: *mut c_void,
        handle: *mut HANDLE,
    ) -> NTSTATUS {
        CLIENT.set((characteristics, context));
        // SAFETY: an out parameter.
        unsafe { handle.write(ptr::dangling_mut()) };
        STATUS_SUCCESS
    }
}

nmr_fn! {
    #[unsafe(no_mangle)]
    unsafe fn NmrClientAttachProvider[](
        _handle: HANDLE,
        context: *mut c_void,
        _dispatch: *const c_void,
        provider_context: *mut *mut c_void,
        provider_dispatch: *mut *const c_void,
    ) -> NTSTATUS {
        OFFERED.set(context);
        let (peer, dispatch) = PEER.get();
        // SAFETY: an out parameter.
        unsafe { provider_context.write(peer) };
        // SAFETY: an out parameter.
        unsafe { provider_dispatch.write(dispatch) };
        STATUS_SUCCESS
    }
}

/// Counts the completion of one side.
fn complete(handle: HANDLE) {
    // SAFETY: the tests pass `Side::handle` as the binding's handle.
    let side = unsafe { &*handle.cast::<Side>() };
    side.completed.fetch_add(1, Ordering::AcqRel);
}

nmr_fn! {
    #[unsafe(no_mangle)]
    unsafe fn NmrProviderDetachClientComplete[](handle: HANDLE) {
        complete(handle);
    }
}

nmr_fn! {
    #[unsafe(no_mangle)]
    unsafe fn NmrClientDetachProviderComplete[](handle: HANDLE) {
        complete(handle);
    }
}

macro_rules! succeed {
    ($($name:ident)*) => {$(
        nmr_fn! {
            #[unsafe(no_mangle)]
            unsafe fn $name[](_handle: HANDLE) -> NTSTATUS {
                STATUS_SUCCESS
            }
        }
    )*};
}

succeed! {
    NmrDeregisterProvider
    NmrDeregisterClient
    NmrWaitForProviderDeregisterComplete
    NmrWaitForClientDeregisterComplete
}
