// SPDX-License-Identifier: MIT OR Apache-2.0

//! Bind and connect requests that callouts change at the redirection layers.
//!
//! Reference: <https://learn.microsoft.com/windows-hardware/drivers/network/using-bind-or-connect-redirection>
//!
//! # Limits
//!
//! The changes of a callout are checked, but have no effect on the connection.

use windows_sys::Win32::Foundation::{
    STATUS_FWP_INCOMPATIBLE_LAYER, STATUS_FWP_NULL_POINTER, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_SUCCESS,
};
use windows_sys::Win32::NetworkManagement::WindowsFilteringPlatform::FWP_ACTION_BLOCK;

use super::layers;
use super::layouts::{ACTION_WRITE, ClassifyOut};
use super::traffic;
use crate::exports::exports;
use crate::exports::memory::access::{get, set};
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::{State, with};
use crate::objects::kernel_objects::ObjectKind;
use crate::objects::wfp::pending::{Kind, Pended, Redirects, Writable};
use crate::verifier::faults::{self, FaultKind};

exports! {
    of "fwpkclnt.sys":
    "FwpsRedirectHandleCreate0" <= PASSIVE_LEVEL => create: i32;
    "FwpsRedirectHandleDestroy0" <= PASSIVE_LEVEL => destroy: ();
    "FwpsQueryConnectionRedirectState0" <= DISPATCH_LEVEL => query: i32;
    "FwpsAcquireWritableLayerDataPointer0" <= DISPATCH_LEVEL => acquire: i32;
    "FwpsApplyModifiedLayerData0" <= DISPATCH_LEVEL => apply: ();
}

const CREATE: &str = "FwpsRedirectHandleCreate0";
const ACQUIRE: &str = "FwpsAcquireWritableLayerDataPointer0";
const APPLY: &str = "FwpsApplyModifiedLayerData0";
const TAG: u32 = u32::from_le_bytes(*b"WfpR");

/// The size of `SOCKADDR_STORAGE`.
const ADDRESS: usize = 128;

/// The offsets of the fields of `FWPS_CONNECT_REQUEST0` that a callout may change, except for the
/// remote address, which follows the local one.
mod connect {
    use super::ADDRESS;

    pub(super) const PREVIOUS: usize = 2 * ADDRESS + 16;
    pub(super) const HANDLE: usize = PREVIOUS + 16;
    pub(super) const CONTEXT: usize = HANDLE + 8;
    pub(super) const SIZE: usize = CONTEXT + 16;
}

/// The offsets of the fields of `FWPS_BIND_REQUEST0` that a callout must not change, after the
/// local address and the token of a port.
mod bind {
    use super::ADDRESS;

    pub(super) const PREVIOUS: usize = ADDRESS + 8;
    pub(super) const SIZE: usize = PREVIOUS + 16;
}

unsafe extern "win64" fn create(_provider: usize, _flags: u32, handle: usize) -> i32 {
    if handle == 0 {
        return STATUS_FWP_NULL_POINTER;
    }
    let Some(acquired) = super::owned::acquire(CREATE) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    set(handle, acquired);
    STATUS_SUCCESS
}

unsafe extern "win64" fn destroy(handle: usize) {
    super::owned::give_back("FwpsRedirectHandleDestroy0", CREATE, handle);
}

fn is_redirect_handle(state: &State, handle: usize) -> bool {
    let mut owned = state.objects.wfp.owned.iter();
    owned.any(|it| it.handle == handle && it.function == CREATE)
}

/// Stops the cycle if `handle` is not a redirect handle.
fn check_handle(handle: usize, function: &str) {
    if !with(|state| is_redirect_handle(state, handle)) {
        let what = format!(
            "{function} was called with the redirect handle {handle:#x}, which {CREATE} has not \
             returned, or which was destroyed"
        );
        stop("wfp", what);
    }
}

/// Returns the redirection state: no connection is redirected by the calling driver, but some by
/// another one.
unsafe extern "win64" fn query(_records: usize, handle: usize, context: usize) -> i32 {
    /// `FWPS_CONNECTION_NOT_REDIRECTED` and `FWPS_CONNECTION_REDIRECTED_BY_OTHER`.
    const NOT_REDIRECTED: i32 = 0;
    const BY_OTHER: i32 = 2;
    /// One of `RARELY + 1` is.
    const RARELY: u64 = 3;
    check_handle(handle, "FwpsQueryConnectionRedirectState0");
    if context != 0 {
        set(context, 0_usize);
    }
    if traffic::draw(RARELY) == 0 {
        BY_OTHER
    } else {
        NOT_REDIRECTED
    }
}

/// Creates a request for a callout.
fn request(redirects: Redirects, is_v6: bool, filter: u64) -> Vec<u8> {
    let [local, remote] = layers::socket_addresses(is_v6);
    let mut bytes = match redirects {
        Redirects::Bind => vec![0; bind::SIZE],
        Redirects::Connect => vec![0; connect::SIZE],
    };
    bytes[..local.len()].copy_from_slice(&local);
    let previous = match redirects {
        Redirects::Bind => bind::PREVIOUS,
        Redirects::Connect => {
            bytes[ADDRESS..ADDRESS + remote.len()].copy_from_slice(&remote);
            connect::PREVIOUS
        }
    };
    bytes[previous + 8..previous + 16].copy_from_slice(&filter.to_le_bytes());
    bytes
}

unsafe extern "win64" fn acquire(
    handle: usize,
    filter: u64,
    _flags: u32,
    data: usize,
    out: *mut ClassifyOut,
) -> i32 {
    if data == 0 || out.is_null() {
        return STATUS_FWP_NULL_POINTER;
    }
    let acquired = with(|state| {
        let mut all = state.objects.wfp.pending.all.iter();
        let acquired = all.find(|it| it.handle == handle && it.kind != Kind::Operation);
        acquired.map(|it| it.of)
    });
    let Some(active) = acquired else {
        let what = format!(
            "{ACQUIRE} was called with {handle:#x}, which FwpsAcquireClassifyHandle0 has not \
             returned"
        );
        stop("wfp", what);
    };
    let Some(redirects) = active.redirects else {
        return STATUS_FWP_INCOMPATIBLE_LAYER;
    };
    let at = with(|state| {
        if faults::fails(state, FaultKind::Allocation) {
            return None;
        }
        let by = caller(state);
        let original = request(redirects, active.connection.is_v6, filter);
        let at = state
            .memory
            .pool
            .allocate(original.len(), TAG, true, None)?;
        // SAFETY: the memory was just allocated for this.
        unsafe { (at as *mut u8).copy_from(original.as_ptr(), original.len()) };
        let pending = &mut state.objects.wfp.pending;
        pending.writable.push(Writable {
            at,
            classify: handle,
            redirects,
            original,
        });
        pending.all.push(Pended {
            handle: at,
            of: active,
            kind: Kind::Data,
            by,
        });
        Some(at)
    });
    let Some(at) = at else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    set(data, at);
    // SAFETY: it may be written, as documented.
    unsafe {
        (*out).action = FWP_ACTION_BLOCK;
        (*out).rights &= !ACTION_WRITE;
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn apply(handle: usize, data: usize, _flags: u32) {
    let writable = with(|state| {
        let pending = &mut state.objects.wfp.pending;
        let mut all = pending.writable.iter();
        let index = all.position(|it| it.at == data && it.classify == handle)?;
        pending.take(data, Kind::Data);
        Some(pending.writable.remove(index))
    });
    let Some(writable) = writable else {
        let what = format!(
            "{APPLY} was called with {data:#x}, which {ACQUIRE} has not returned for the \
             classification, or which was applied before"
        );
        stop("wfp", what);
    };
    check_changes(&writable);
    if writable.redirects == Redirects::Connect {
        take_context(data);
    }
    with(|state| {
        let by = caller(state);
        let _ = state.memory.pool.free(data, TAG, by);
    });
}

/// Checks that a callout has changed only those fields that it may change.
fn check_changes(writable: &Writable) {
    let [fixed, previous] = match writable.redirects {
        Redirects::Bind => [0..0, bind::PREVIOUS..bind::SIZE],
        Redirects::Connect => [0..ADDRESS, connect::PREVIOUS..connect::HANDLE],
    };
    for (range, name) in [
        (fixed, "localAddressAndPort"),
        (previous, "previousVersion or modifierFilterId"),
    ] {
        let is_changed = range.clone().any(|index| {
            let byte: u8 = get(writable.at + index);
            byte != writable.original[index]
        });
        if is_changed {
            let what = format!(
                "{APPLY} was called with another {name}, which a callout may read, and not change"
            );
            stop("wfp", what);
        }
    }
}

/// Transfers the memory that a callout has allocated for a connection to the platform.
fn take_context(data: usize) {
    let handle: usize = get(data + connect::HANDLE);
    if handle != 0 {
        check_handle(handle, APPLY);
    }
    let context: usize = get(data + connect::CONTEXT);
    if context == 0 {
        return;
    }
    let is_taken = with(|state| {
        let known = state.objects.created.within(context..context + 1).is_some();
        let is_taken = !known && state.memory.pool.disown(context);
        if is_taken {
            let kind = ObjectKind::RedirectContext;
            state.objects.created.add(context, kind, None);
            state.objects.wfp.redirected.push(context);
        }
        is_taken
    });
    if !is_taken {
        let what = format!(
            "{APPLY} was called with the context {context:#x}, which must be a block of pool that \
             the driver has allocated, and has not handed over before"
        );
        stop("wfp", what);
    }
}

/// Occasionally removes a redirected flow, and frees its context.
pub(super) fn free_contexts(state: &mut State) {
    if let Some(context) = state.objects.wfp.redirected.pop() {
        let kind = ObjectKind::RedirectContext;
        state.objects.created.delete(context, kind, None);
        let _ = state.memory.pool.free(context, 0, None);
    }
}
