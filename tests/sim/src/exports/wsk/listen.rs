// SPDX-License-Identifier: MIT OR Apache-2.0

//! Functions of sockets that listen.

use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_STATE, STATUS_PENDING, STATUS_SUCCESS,
};

use crate::exports::exports;
use crate::exports::wsk::client::run;
use crate::exports::wsk::socket::begin;
use crate::findings::caller::caller;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::with;
use crate::network::listening::{self, Accept};
use crate::network::sockets::{self, Category};
use crate::network::{inspection, requests, timing};

exports! {
    of "wsk":
    "WskAccept" <= DISPATCH_LEVEL => wsk_accept: i32;
    "WskInspectComplete" <= DISPATCH_LEVEL => wsk_inspect_complete: i32;
    "WskListen" <= DISPATCH_LEVEL => wsk_listen: i32;
}

unsafe extern "win64" fn wsk_accept(
    socket: usize,
    _flags: u32,
    context: usize,
    dispatch: usize,
    local: usize,
    remote: usize,
    irp: usize,
) -> i32 {
    let Some(request) = begin(
        socket,
        irp,
        "WskAccept",
        &[Category::Listen, Category::Stream],
    ) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    let accept = Accept {
        request,
        context,
        dispatch,
        local,
        remote,
    };
    let listens = with(|state| {
        let by = caller(state);
        let one = state.network.sockets.get_mut(socket)?;
        if !one.listening.active {
            return None;
        }
        one.listening.accepts.push_back(accept);
        timing::later(state, by, timing::LONGEST, move || {
            listening::hand_out(socket);
        });
        Some(())
    });
    if listens.is_none() {
        return requests::complete_now(request, STATUS_INVALID_DEVICE_STATE, 0);
    }
    STATUS_PENDING
}

unsafe extern "win64" fn wsk_listen(socket: usize, irp: usize) -> i32 {
    let Some(request) = begin(socket, irp, "WskListen", &[Category::Stream]) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    let by = with(|state| caller(state));
    run(request, by, move |state| {
        let one = state.network.sockets.get(socket);
        let may = one.is_some_and(|it| it.local.is_some() && !it.stream.is_connected());
        if !may {
            return (STATUS_INVALID_DEVICE_STATE, 0);
        }
        let enabled = sockets::static_events(state, socket);
        if let Some(one) = state.network.sockets.get_mut(socket) {
            one.callbacks.enabled |= enabled;
        }
        listening::begin(state, socket);
        (STATUS_SUCCESS, 0)
    })
}

unsafe extern "win64" fn wsk_inspect_complete(
    socket: usize,
    id: usize,
    action: i32,
    irp: usize,
) -> i32 {
    let begun = begin(
        socket,
        irp,
        "WskInspectComplete",
        &[Category::Listen, Category::Stream],
    );
    let Some(request) = begun else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    // SAFETY: the id is in memory, as documented.
    let status = unsafe { inspection::complete(socket, id, action) };
    with(|state| {
        let by = caller(state);
        timing::later(state, by, timing::LONGEST, move || {
            listening::hand_out(socket);
        });
    });
    requests::complete_now(request, status, 0)
}
