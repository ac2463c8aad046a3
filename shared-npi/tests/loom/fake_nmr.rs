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
use nmr::nmr_fn;

/// One side of a binding, whose address is its handle.
pub(crate) struct Side {
    /// How often the detach was completed.
    pub(crate) completed: AtomicUsize,
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

/// The provider that registered last.
pub(crate) fn provider() -> (&'static NPI_PROVIDER_CHARACTERISTICS, *mut c_void) {
    let (characteristics, context) = PROVIDER.get();
    // SAFETY: the tests keep the registration while they use it.
    (unsafe { &*characteristics }, context)
}

/// The client that registered last.
pub(crate) fn client() -> (&'static NPI_CLIENT_CHARACTERISTICS, *mut c_void) {
    let (characteristics, context) = CLIENT.get();
    // SAFETY: the tests keep the registration while they use it.
    (unsafe { &*characteristics }, context)
}

/// The binding context that a client last offered to its provider.
pub(crate) fn offered() -> *mut c_void {
    OFFERED.get()
}

/// What `NmrClientAttachProvider` will hand over.
pub(crate) fn set_peer(context: *mut c_void, dispatch: *const c_void) {
    PEER.set((context, dispatch));
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
