// SPDX-License-Identifier: MIT OR Apache-2.0

//! Classifications that a callout pends and completes later.

use windows_sys::Win32::Foundation::{
    STATUS_FWP_CANNOT_PEND, STATUS_FWP_NULL_POINTER, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS,
};

use super::{packets, traffic};
use crate::exports::exports;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::with;
use crate::objects::wfp::pending::{Active, Kind, Pended};
use crate::verifier::faults::{self, FaultKind};

exports! {
    of "fwpkclnt.sys":
    "FwpsPendOperation0" <= DISPATCH_LEVEL => pend_operation: i32;
    "FwpsCompleteOperation0" <= DISPATCH_LEVEL => complete_operation: ();
    "FwpsAcquireClassifyHandle0" <= DISPATCH_LEVEL => acquire_handle: i32;
    "FwpsReleaseClassifyHandle0" <= DISPATCH_LEVEL => release_handle: ();
    "FwpsPendClassify0" <= DISPATCH_LEVEL => pend_classify: i32;
    "FwpsCompleteClassify0" <= DISPATCH_LEVEL => complete_classify: ();
}

/// The classification that is under way on which a handle is.
fn active(handle: usize, function: &str) -> Active {
    let active = with(|state| state.objects.wfp.pending.active(handle));
    active.unwrap_or_else(|| {
        let what = format!(
            "{function} was called with {handle:#x}, which belongs to no classification that is \
             under way"
        );
        stop("wfp", what)
    })
}

fn add(kind: Kind, handle: Option<usize>, of: Active) -> Option<usize> {
    with(|state| {
        if faults::fails(state, FaultKind::Allocation) {
            return None;
        }
        let by = caller(state);
        let wfp = &mut state.objects.wfp;
        let handle = handle.unwrap_or_else(|| wfp.next_handle());
        wfp.pending.all.push(Pended {
            handle,
            of,
            kind,
            by,
        });
        Some(handle)
    })
}

/// Takes what was pended or acquired away. What is not there is a finding.
fn take(handle: usize, kind: Kind, function: &str, begun: &str) -> Pended {
    let pended = with(|state| state.objects.wfp.pending.take(handle, kind));
    pended.unwrap_or_else(|| {
        let what = format!(
            "{function} was called with {handle:#x}, which {begun} has not returned, or which was \
             passed to it before"
        );
        stop("wfp", what)
    })
}

unsafe extern "win64" fn pend_operation(handle: usize, context: *mut usize) -> i32 {
    if handle == 0 || context.is_null() {
        return STATUS_FWP_NULL_POINTER;
    }
    let active = active(handle, "FwpsPendOperation0");
    if !active.can_pend || active.is_again {
        return STATUS_FWP_CANNOT_PEND;
    }
    let Some(pended) = add(Kind::Operation, None, active) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    // SAFETY: the context may be written, as documented.
    unsafe { context.write(pended) };
    STATUS_SUCCESS
}

/// Completes a pended operation: the connection is authorised again, an inbound one with the packet
/// that the driver injects for it.
unsafe extern "win64" fn complete_operation(context: usize, list: usize) {
    const FUNCTION: &str = "FwpsCompleteOperation0";
    let pended = take(context, Kind::Operation, FUNCTION, "FwpsPendOperation0");
    let connection = pended.of.connection;
    if list != 0 {
        packets::require(list, FUNCTION);
    }
    with(|state| {
        let packet = state.objects.wfp.packets.get(list);
        match packet.filter(|it| it.handles.is_empty()) {
            Some(packet) if !connection.is_outbound => packet.completes = Some(connection),
            _ => traffic::authorize_again(state, connection),
        }
    });
}

unsafe extern "win64" fn acquire_handle(context: usize, _flags: u32, handle: *mut usize) -> i32 {
    if context == 0 || handle.is_null() {
        return STATUS_FWP_NULL_POINTER;
    }
    let active = active(context, "FwpsAcquireClassifyHandle0");
    let Some(acquired) = add(Kind::Handle, None, active) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    // SAFETY: the handle may be written, as documented.
    unsafe { handle.write(acquired) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn release_handle(handle: usize) {
    let begun = "FwpsAcquireClassifyHandle0";
    take(handle, Kind::Handle, "FwpsReleaseClassifyHandle0", begun);
}

unsafe extern "win64" fn pend_classify(
    handle: usize,
    _filter: u64,
    _flags: u32,
    _out: usize,
) -> i32 {
    let acquired = with(|state| {
        let mut all = state.objects.wfp.pending.all.iter();
        let acquired = all.find(|it| it.handle == handle && it.kind == Kind::Handle);
        acquired.map(|it| it.of)
    });
    let Some(active) = acquired else {
        let what = format!(
            "FwpsPendClassify0 was called with {handle:#x}, which FwpsAcquireClassifyHandle0 has \
             not returned"
        );
        stop("wfp", what);
    };
    let can_pend = active.can_pend || active.redirects.is_some();
    if !can_pend || active.is_again {
        return STATUS_FWP_CANNOT_PEND;
    }
    match add(Kind::Classify, Some(handle), active) {
        Some(_) => STATUS_SUCCESS,
        None => STATUS_INSUFFICIENT_RESOURCES,
    }
}

/// Without a decision the connection is authorised again, as documented.
unsafe extern "win64" fn complete_classify(handle: usize, _flags: u32, out: usize) {
    let begun = "FwpsPendClassify0";
    let pended = take(handle, Kind::Classify, "FwpsCompleteClassify0", begun);
    if out == 0 {
        with(|state| traffic::authorize_again(state, pended.of.connection));
    }
}
