// SPDX-License-Identifier: MIT OR Apache-2.0

//! Functions of connection-oriented sockets.

use scenarios::NetworkRule;
use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_STATE, STATUS_PENDING, STATUS_SUCCESS,
};

use crate::exports::exports;
use crate::exports::wsk::socket::{begin, begin_with, begin_with_buffer, readable};
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::with;
use crate::network::buffers::Buffer;
use crate::network::requests::Ticket;
use crate::network::sockets::{self, Category};
use crate::network::streams::{self, End, Output, Receive, Stream, Wanted};
use crate::network::{requests, timing};

exports! {
    of "wsk":
    "WskDisconnect" <= DISPATCH_LEVEL => wsk_disconnect: i32;
    "WskGetRemoteAddress" <= DISPATCH_LEVEL => wsk_get_remote_address: i32;
    "WskReceive" <= DISPATCH_LEVEL => wsk_receive: i32;
    "WskReceiveEx" <= DISPATCH_LEVEL => wsk_receive_ex: i32;
    "WskSend" <= DISPATCH_LEVEL => wsk_send: i32;
    "WskSendEx" <= DISPATCH_LEVEL => wsk_send_ex: i32;
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
    send(socket, buffer, irp, "WskSend")
}

/// Nothing that arrives has control information: what is sent with it is lost.
unsafe extern "win64" fn wsk_send_ex(
    socket: usize,
    buffer: usize,
    _flags: u32,
    _control_length: u32,
    _control: usize,
    irp: usize,
) -> i32 {
    send(socket, buffer, irp, "WskSendEx")
}

/// Sends the bytes of the `WSK_BUF` at `buffer`.
fn send(socket: usize, buffer: usize, irp: usize, name: &'static str) -> i32 {
    // SAFETY: the buffer is as documented.
    let begun = unsafe { begin_with_buffer(socket, buffer, irp, name, STREAMS) };
    let Some(request) = begun else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    let output = Output { request, end: None };
    let push = |stream: &mut Stream| stream.outputs.push_back(output);
    queue(socket, request, push, move || streams::transmit(socket))
}

unsafe extern "win64" fn wsk_receive(socket: usize, buffer: usize, flags: u32, irp: usize) -> i32 {
    const NAME: &str = "WskReceive";
    sockets::check(socket, NAME, STREAMS);
    // SAFETY: the buffer is as documented.
    let buffer = readable(unsafe { Buffer::read(buffer) }, NAME);
    receive(socket, buffer, flags, irp, NAME)
}

/// No control information arrives.
unsafe extern "win64" fn wsk_receive_ex(
    socket: usize,
    buffer: usize,
    flags: u32,
    control_length: *mut u32,
    control: usize,
    control_flags: usize,
    irp: usize,
) -> i32 {
    const NAME: &str = "WskReceiveEx";
    sockets::check(socket, NAME, STREAMS);
    if control_flags != 0 {
        let what = "WskReceiveEx was called with ControlFlags, which is reserved and must be NULL";
        stop(NetworkRule::Parameters, what.to_owned());
    }
    // SAFETY: the buffer is as documented.
    let mut buffer = readable(unsafe { Buffer::read(buffer) }, NAME);
    if !control_length.is_null() {
        // SAFETY: it is not null, and so in memory, as documented.
        let room = unsafe { control_length.read() } as usize;
        let length = control_length.addr();
        buffer.others.push(length..length + size_of::<u32>());
        if control != 0 && room > 0 {
            buffer.others.push(control..control + room);
        }
        // SAFETY: as above.
        unsafe { control_length.write(0) };
    }
    receive(socket, buffer, flags, irp, NAME)
}

/// What the flags of a request ask for. Ends the cycle if they contradict each other or the
/// buffer.
fn wanted(flags: u32, buffer: &Buffer, name: &str) -> Wanted {
    const WAIT_ALL: u32 = 0x2;
    const DRAIN: u32 = 0x4;
    let wrong = match (flags & WAIT_ALL != 0, flags & DRAIN != 0) {
        (false, false) => return Wanted::Some,
        (true, false) => return Wanted::All,
        (false, true) if buffer.len() == 0 => return Wanted::End,
        (false, true) => format!(
            "WSK_FLAG_DRAIN and a WSK_BUF of {} bytes: its length must be zero, and what arrives is \
             discarded",
            buffer.len()
        ),
        (true, true) => "WSK_FLAG_WAITALL and WSK_FLAG_DRAIN, which exclude each other".to_owned(),
    };
    let what = format!("{name} was called with {wrong}");
    stop(NetworkRule::Parameters, what)
}

/// Receives into a buffer.
fn receive(socket: usize, buffer: Buffer, flags: u32, irp: usize, name: &'static str) -> i32 {
    let wanted = wanted(flags, &buffer, name);
    let Some(request) = begin_with(socket, buffer, irp, name) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    let push = |stream: &mut Stream| stream.receives.push_back(Receive { request, wanted });
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
