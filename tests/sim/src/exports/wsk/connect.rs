// SPDX-License-Identifier: MIT OR Apache-2.0

//! Connecting sockets: with data, without, and as they are made.

use windows_sys::Win32::Foundation::{
    STATUS_CONNECTION_REFUSED, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_ADDRESS_COMPONENT,
    STATUS_INVALID_DEVICE_STATE, STATUS_PENDING, STATUS_SUCCESS,
};

use crate::exports::exports;
use crate::exports::wsk::client::captured;
use crate::exports::wsk::client_control;
use crate::exports::wsk::socket::{begin, begin_with_buffer, bind, fails};
use crate::exports::wsk::stream::STREAMS;
use crate::findings::caller::caller;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::{State, with};
use crate::network::addresses::Address;
use crate::network::events::Callbacks;
use crate::network::remote::{self, Remote};
use crate::network::requests::Ticket;
use crate::network::sockets::{self, Category, Socket};
use crate::network::streams::{self, Peer};
use crate::network::{listening, requests, timing};

exports! {
    of "wsk":
    "WskConnect" <= DISPATCH_LEVEL => wsk_connect: i32;
    "WskConnectEx" <= DISPATCH_LEVEL => wsk_connect_ex: i32;
    "WskSocketConnect" <= DISPATCH_LEVEL => wsk_socket_connect: i32;
}

unsafe extern "win64" fn wsk_connect(socket: usize, remote: usize, _flags: u32, irp: usize) -> i32 {
    let Some(request) = begin(socket, irp, "WskConnect", STREAMS) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    start(socket, request, remote)
}

unsafe extern "win64" fn wsk_connect_ex(
    socket: usize,
    remote: usize,
    buffer: usize,
    _flags: u32,
    irp: usize,
) -> i32 {
    const NAME: &str = "WskConnectEx";
    let begun = if buffer == 0 {
        begin(socket, irp, NAME, STREAMS)
    } else {
        // SAFETY: the buffer is as documented.
        unsafe { begin_with_buffer(socket, buffer, irp, NAME, STREAMS) }
    };
    let Some(request) = begun else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    start(socket, request, remote)
}

unsafe extern "win64" fn wsk_socket_connect(
    client: usize,
    _kind: u16,
    _protocol: u32,
    local: usize,
    remote: usize,
    _flags: u32,
    context: usize,
    dispatch: usize,
    _process: usize,
    _thread: usize,
    security: usize,
    irp: usize,
) -> i32 {
    const NAME: &str = "WskSocketConnect";
    let registration = captured(client, NAME);
    client_control::check_cached(security, NAME);
    let request = requests::take(irp, NAME, registration, None);
    if fails(request) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    // SAFETY: the address is in memory, as documented.
    let Some(local) = (unsafe { Address::read(local) }) else {
        return requests::complete_now(request, STATUS_INVALID_ADDRESS_COMPONENT, 0);
    };
    let status = with(|state| {
        let by = caller(state);
        let callbacks = Callbacks {
            context,
            dispatch,
            ..Callbacks::default()
        };
        let family = local.family();
        let socket = Socket::new(Category::Connection, registration, by, family, callbacks);
        let Some(made) = sockets::make(state, socket) else {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        };
        requests::make(state, request, made);
        match bind(state, made, local) {
            STATUS_SUCCESS => Ok(made),
            status => Err(status),
        }
    });
    match status {
        Ok(made) => start(made, request, remote),
        Err(status) => requests::complete_now(request, status, 0),
    }
}

/// Begins to connect a socket with the address at `remote`. Returns the status.
fn start(socket: usize, request: Ticket, remote: usize) -> i32 {
    // SAFETY: the address is in memory, as documented.
    let Some(remote) = (unsafe { Address::read(remote) }) else {
        return requests::complete_now(request, STATUS_INVALID_ADDRESS_COMPONENT, 0);
    };
    let local = with(|state| {
        let one = state.network.sockets.get(socket)?;
        one.local.filter(|_| !one.stream.is_connected())
    });
    let Some(local) = local else {
        return requests::complete_now(request, STATUS_INVALID_DEVICE_STATE, 0);
    };
    let is_pending = with(|state| {
        let by = caller(state);
        timing::later(state, by, 2 * timing::LONGEST, move || {
            connect(socket, request, local, remote);
        })
    });
    if is_pending {
        return STATUS_PENDING;
    }
    requests::complete_now(request, STATUS_INSUFFICIENT_RESOURCES, 0)
}

/// Connects a socket with who listens, or with a remote end.
fn connect(at: usize, request: Ticket, local: Address, to: Address) {
    let found = with(|state| {
        state.network.requests.get(request)?;
        Some(listening::listener(state, to.port()))
    });
    match found {
        None => {}
        Some(Some(listener)) => listening::connect(at, request, listener, local),
        Some(None) => {
            let (status, length) = with(|state| connect_remotely(state, at, request, to));
            requests::complete(request, status, length);
            streams::hand_out(at);
        }
    }
}

/// Connects a socket with a remote end. Returns the status, and how much was sent.
fn connect_remotely(state: &mut State, at: usize, request: Ticket, to: Address) -> (i32, usize) {
    if timing::once_in(state, 8) {
        return (STATUS_CONNECTION_REFUSED, 0);
    }
    let enabled = sockets::static_events(state, at);
    let Some(socket) = state.network.sockets.get_mut(at) else {
        return (STATUS_CONNECTION_REFUSED, 0);
    };
    socket.stream.peer = Peer::Remote(Remote::Echo);
    socket.stream.remote = Some(to);
    socket.callbacks.enabled |= enabled;
    remote::begin(state, at);
    (STATUS_SUCCESS, streams::begin(state, at, request))
}
