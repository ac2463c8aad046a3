// SPDX-License-Identifier: MIT OR Apache-2.0

//! Sessions with the base filtering engine, and their transactions.
//!
//! Only one transaction changes objects at a time. A callout's `notifyFn` is called when a
//! transaction that adds or deletes a filter for the callout commits.

mod conditions;
mod objects;
mod reading;
mod service;
mod transactions;

use std::mem;

use windows_sys::Win32::Foundation::{
    STATUS_FWP_NO_TXN_IN_PROGRESS, STATUS_FWP_NULL_POINTER, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};
use windows_sys::Win32::NetworkManagement::WindowsFilteringPlatform::{
    FWP_ACTION_FLAG_CALLOUT, FWPM_SESSION_FLAG_DYNAMIC, FWPM_SESSION0, FWPM_TXN_READ_ONLY,
};

use crate::exports::exports;
use crate::findings::caller::caller;
use crate::findings::note;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::{State, with};
use crate::loader::drivers::DriverId;
use crate::loader::export::Export;
use crate::objects::wfp::engine::{Object, Session, forget_service};
use crate::verifier::faults::{self, FaultKind};
use transactions::{abort_one, begin_one, commit_one, has_transaction, with_session};

pub(crate) use service::driver_loaded;

/// What the files of this folder export.
pub(in crate::exports::wfp) const TABLES: &[&[Export]] =
    &[EXPORTS, objects::EXPORTS, reading::EXPORTS];

exports! {
    of "fwpkclnt.sys":
    "FwpmEngineOpen0" <= PASSIVE_LEVEL => open: i32;
    "FwpmEngineClose0" <= PASSIVE_LEVEL => close: i32;
    "FwpmTransactionBegin0" <= PASSIVE_LEVEL => begin: i32;
    "FwpmTransactionCommit0" <= PASSIVE_LEVEL => commit: i32;
    "FwpmTransactionAbort0" <= PASSIVE_LEVEL => abort: i32;
}

unsafe extern "win64" fn open(
    server: *const u16,
    authentication: u32,
    _identity: usize,
    session: *const FWPM_SESSION0,
    handle: *mut usize,
) -> i32 {
    const RPC_C_AUTHN_WINNT: u32 = 10;
    const RPC_C_AUTHN_DEFAULT: u32 = u32::MAX;
    /// How long a transaction waits for another one, unless the session says otherwise.
    const PATIENCE_MS: u32 = 15_000;
    if handle.is_null() {
        return STATUS_FWP_NULL_POINTER;
    }
    // As documented for callout drivers.
    if !server.is_null() || ![RPC_C_AUTHN_WINNT, RPC_C_AUTHN_DEFAULT].contains(&authentication) {
        return STATUS_INVALID_PARAMETER;
    }
    let (flags, patience) = if session.is_null() {
        (0, 0)
    } else {
        // SAFETY: a session that is given can be read, as documented.
        unsafe { ((*session).flags, (*session).txnWaitTimeoutInMSec) }
    };
    let patience = if patience == 0 { PATIENCE_MS } else { patience };
    let opened = with(|state| {
        if faults::fails(state, FaultKind::Allocation) {
            return None;
        }
        let by = caller(state);
        let wfp = &mut state.objects.wfp;
        let handle = wfp.next_handle();
        wfp.engine.sessions.push(Session {
            handle,
            is_dynamic: flags & FWPM_SESSION_FLAG_DYNAMIC != 0,
            patience: u64::from(patience) * 1000,
            transaction: None,
            by,
        });
        Some(handle)
    });
    let Some(opened) = opened else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    // SAFETY: the handle may be written, as documented.
    unsafe { handle.write(opened) };
    STATUS_SUCCESS
}

/// A transaction that is open is aborted, and the objects of a dynamic session are deleted.
unsafe extern "win64" fn close(handle: usize) -> i32 {
    let is_dynamic = match with_session(handle, "FwpmEngineClose0", |session| {
        session.transaction = None;
        session.is_dynamic
    }) {
        Ok(is_dynamic) => is_dynamic,
        Err(status) => return status,
    };
    if is_dynamic && let Ok(()) = begin_one(handle, "FwpmEngineClose0", true, false) {
        with(|state| {
            let session = state.objects.wfp.engine.session(handle);
            if let Some(open) = session.and_then(|it| it.transaction.as_mut()) {
                let (gone, kept) = mem::take(&mut open.objects)
                    .into_iter()
                    .partition(|it| it.session == Some(handle));
                open.objects = kept;
                let gone: Vec<Object> = gone;
                for it in gone {
                    forget_service(&mut open.objects, it.kind, it.key);
                }
            }
        });
        // A callout cannot refuse that a filter is deleted.
        let _ = commit_one(handle);
    }
    with(|state| {
        let by = caller(state);
        let engine = &mut state.objects.wfp.engine;
        engine.sessions.retain(|it| it.handle != handle);
        engine.closed.push((handle, by));
    });
    STATUS_SUCCESS
}

unsafe extern "win64" fn begin(handle: usize, flags: u32) -> i32 {
    let is_read_only = flags & FWPM_TXN_READ_ONLY != 0;
    if with(|state| faults::fails(state, FaultKind::Allocation)) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    match begin_one(handle, "FwpmTransactionBegin0", false, is_read_only) {
        Ok(()) => STATUS_SUCCESS,
        Err(status) => status,
    }
}

unsafe extern "win64" fn commit(handle: usize) -> i32 {
    match has_transaction(handle, "FwpmTransactionCommit0") {
        Ok(true) => commit_one(handle),
        Ok(false) => STATUS_FWP_NO_TXN_IN_PROGRESS,
        Err(status) => status,
    }
}

unsafe extern "win64" fn abort(handle: usize) -> i32 {
    match has_transaction(handle, "FwpmTransactionAbort0") {
        Ok(true) => {
            abort_one(handle);
            STATUS_SUCCESS
        }
        Ok(false) => STATUS_FWP_NO_TXN_IN_PROGRESS,
        Err(status) => status,
    }
}

/// Notes what a driver that is unloaded has added and that stays: no defect by itself, but a
/// filter whose callout is not registered blocks what it matches.
pub(crate) fn note_objects(state: &mut State, driver: DriverId) {
    service::forget_unregistered(state);
    let Some(left) = state.objects.wfp.engine.left_by(driver) else {
        return;
    };
    let (kind, by) = (left.kind, left.by);
    let blocks = if left.action.kind & FWP_ACTION_FLAG_CALLOUT == 0 {
        ""
    } else {
        ", which names a callout that is not registered any more: it blocks the traffic that it \
         matches, unless its action only inspects"
    };
    let what = format!(
        "the driver is unloaded, and a {} stays{blocks}: the objects of a session that is not \
         dynamic stay until they are deleted",
        kind.added_by()
    );
    note(state, "wfp", what, by);
}
