// SPDX-License-Identifier: MIT OR Apache-2.0

//! Functions of connection-oriented sockets.

use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_STATE, STATUS_PENDING, STATUS_SUCCESS,
};

use crate::exports::exports;
use crate::exports::wsk::socket::{begin, begin_with_buffer};
use crate::findings::caller::caller;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::with;
use crate::network::requests::Ticket;
use crate::network::sockets::Category;
use crate::network::streams::{self, End, Output, Receive, Stream};
use crate::network::{requests, timing};

exports! {
    of "wsk":
    "WskDisconnect" <= DISPATCH_LEVEL => wsk_disconnect: i32;
    "WskGetRemoteAddress" <= DISPATCH_LEVEL => wsk_get_remote_address: i32;
    "WskReceive" <= DISPATCH_LEVEL => wsk_receive: i32;
    "WskSend" <= DISPATCH_LEVEL => wsk_send: i32;
}

pub(super) const STREAMS: &[Category] = &[Category::Connection, Category::Stream];

/// Lets `push` add a request to a connection, and `body` see to it later. Returns
/// `STATUS_PENDING`, or the status of the request if there is no connection.
fn queue(
    socket: usize,
    request: Ticket,
    push: impl FnOnce(&mut Stream),
    body: impl FnOnce() + Copy + 'static,
) -> i32 {
    let is_connected = with(|state| {
        let one = state.network.sockets.get_mut(socket)?;
        if !one.stream.is_connected() {
            return None;
        }
        push(&mut one.stream);
        let by = caller(state);
        Some(timing::later(state, by, timing::LONGEST, body))
    });
    match is_connected {
        None => requests::complete_now(request, STATUS_INVALID_DEVICE_STATE, 0),
        Some(true) => STATUS_PENDING,
        Some(false) => {
            body();
            STATUS_PENDING
        }
    }
}

unsafe extern "win64" fn wsk_send(socket: usize, buffer: usize, _flags: u32, irp: usize) -> i32 {
    // SAFETY: the buffer is as documented.
    let begun = unsafe { begin_with_buffer(socket, buffer, irp, "WskSend", STREAMS) };
    let Some(request) = begun else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    let output = Output { request, end: None };
    let push = |stream: &mut Stream| stream.outputs.push_back(output);
    queue(socket, request, push, move || streams::transmit(socket))
}

unsafe extern "win64" fn wsk_receive(socket: usize, buffer: usize, flags: u32, irp: usize) -> i32 {
    const WAIT_ALL: u32 = 0x2;
    // SAFETY: the buffer is as documented.
    let begun = unsafe { begin_with_buffer(socket, buffer, irp, "WskReceive", STREAMS) };
    let Some(request) = begun else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    let all = flags & WAIT_ALL != 0;
    let push = |stream: &mut Stream| stream.receives.push_back(Receive { request, all });
    queue(socket, request, push, move || streams::hand_out(socket))
}

unsafe extern "win64" fn wsk_disconnect(
    socket: usize,
    buffer: usize,
    flags: u32,
    irp: usize,
) -> i32 {
    const ABORTIVE: u32 = 0x1;
    const NAME: &str = "WskDisconnect";
    let begun = if buffer == 0 {
        begin(socket, irp, NAME, STREAMS)
    } else {
        // SAFETY: the buffer is as documented.
        unsafe { begin_with_buffer(socket, buffer, irp, NAME, STREAMS) }
    };
    let Some(request) = begun else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    let is_abortive = flags & ABORTIVE != 0;
    let push = |stream: &mut Stream| {
        if is_abortive {
            let end = Some(End::Abortive);
            stream.outputs.push_front(Output { request, end });
        } else {
            let end = Some(End::Graceful);
            stream.outputs.push_back(Output { request, end });
        }
    };
    queue(socket, request, push, move || streams::transmit(socket))
}

unsafe extern "win64" fn wsk_get_remote_address(socket: usize, address: usize, irp: usize) -> i32 {
    let Some(request) = begin(socket, irp, "WskGetRemoteAddress", STREAMS) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    let remote = with(|state| state.network.sockets.get(socket)?.stream.remote);
    let Some(remote) = remote else {
        return requests::complete_now(request, STATUS_INVALID_DEVICE_STATE, 0);
    };
    // SAFETY: there is room for an address of the socket's family, as documented.
    unsafe { remote.write(address) };
    requests::complete_now(request, STATUS_SUCCESS, 0)
}
