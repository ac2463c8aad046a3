// SPDX-License-Identifier: MIT OR Apache-2.0

//! Functions that most sockets have: binding, closing, and their addresses.

use scenarios::NetworkRule;
use windows_sys::Win32::Foundation::{
    STATUS_ADDRESS_ALREADY_EXISTS, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_ADDRESS_COMPONENT,
    STATUS_INVALID_DEVICE_STATE, STATUS_SUCCESS,
};

use crate::exports::exports;
use crate::exports::wsk::client::run;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::{State, with};
use crate::network::addresses::Address;
use crate::network::buffers::Buffer;
use crate::network::requests::Ticket;
use crate::network::sockets::{self, Category, Socket};
use crate::network::{close, datagrams, listening, requests};
use crate::verifier::faults::{self, FaultKind};

exports! {
    of "wsk":
    "WskBind" <= DISPATCH_LEVEL => wsk_bind: i32;
    "WskCloseSocket" <= DISPATCH_LEVEL => wsk_close_socket: i32;
    "WskGetLocalAddress" <= DISPATCH_LEVEL => wsk_get_local_address: i32;
}

const ANY: &[Category] = &[
    Category::Basic,
    Category::Listen,
    Category::Datagram,
    Category::Connection,
    Category::Stream,
];
/// Sockets that have addresses.
const BOUND: &[Category] = &[
    Category::Listen,
    Category::Datagram,
    Category::Connection,
    Category::Stream,
];

/// The registration of a socket that is open.
pub(super) fn registration_of(socket: usize) -> usize {
    let found = with(|state| Some(state.network.sockets.get(socket)?.registration));
    found.unwrap_or_default()
}

/// Takes the request of a function for a socket of one of these categories; `None` if it
/// has failed for want of memory, and is complete.
pub(super) fn begin(
    socket: usize,
    irp: usize,
    name: &'static str,
    allowed: &[Category],
) -> Option<Ticket> {
    sockets::check(socket, name, allowed);
    let request = requests::take(irp, name, registration_of(socket), Some(socket));
    (!fails(request)).then_some(request)
}

/// The same for a function with a buffer, which must be right.
///
/// # Safety
///
/// `buffer` is a `WSK_BUF` whose MDLs are in memory.
pub(super) unsafe fn begin_with_buffer(
    socket: usize,
    buffer: usize,
    irp: usize,
    name: &'static str,
    allowed: &[Category],
) -> Option<Ticket> {
    sockets::check(socket, name, allowed);
    // SAFETY: this function has the same contract.
    let buffer = readable(unsafe { Buffer::read(buffer) }, name);
    begin_with(socket, buffer, irp, name)
}

/// What a driver passes to a function. Ends the cycle if something is wrong with it.
pub(super) fn readable<T>(buffer: Result<T, String>, name: &str) -> T {
    buffer.unwrap_or_else(|what| {
        stop(
            NetworkRule::Buffers,
            format!("{name} was called with {what}"),
        )
    })
}

/// The same with memory that was read.
pub(super) fn begin_with(
    socket: usize,
    buffer: Buffer,
    irp: usize,
    name: &'static str,
) -> Option<Ticket> {
    let request = requests::take_with(irp, name, registration_of(socket), Some(socket), buffer);
    (!fails(request)).then_some(request)
}

/// Returns `true` if a function fails for want of memory, whose request is then complete.
pub(super) fn fails(request: Ticket) -> bool {
    let fails = with(|state| faults::fails(state, FaultKind::Network));
    if fails {
        requests::complete_now(request, STATUS_INSUFFICIENT_RESOURCES, 0);
    }
    fails
}

unsafe extern "win64" fn wsk_close_socket(socket: usize, irp: usize) -> i32 {
    sockets::check(socket, "WskCloseSocket", ANY);
    close::begin(socket, irp)
}

unsafe extern "win64" fn wsk_bind(socket: usize, address: usize, _flags: u32, irp: usize) -> i32 {
    let Some(request) = begin(socket, irp, "WskBind", BOUND) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    // SAFETY: the address is in memory, as documented.
    let Some(address) = (unsafe { Address::read(address) }) else {
        return requests::complete_now(request, STATUS_INVALID_ADDRESS_COMPONENT, 0);
    };
    let by = with(|state| caller(state));
    run(request, by, move |state| (bind(state, socket, address), 0))
}

/// Binds a socket to an address. Returns the status.
pub(super) fn bind(state: &mut State, at: usize, address: Address) -> i32 {
    let sockets = &state.network.sockets;
    let Some(socket) = sockets.get(at).filter(|socket| socket.closing.is_none()) else {
        return STATUS_INVALID_DEVICE_STATE;
    };
    if socket.local.is_some() {
        return STATUS_INVALID_DEVICE_STATE;
    }
    let is_datagram = |socket: &Socket| socket.category == Category::Datagram;
    if socket.family != address.family() {
        return STATUS_INVALID_ADDRESS_COMPONENT;
    }
    let has_datagrams = is_datagram(socket);
    let registration = socket.registration;
    let taken = |socket: &Socket| {
        let local = socket.local.map(|local| local.port());
        is_datagram(socket) == has_datagrams && local == Some(address.port())
    };
    let owner = sockets.find(|socket| address.port() != 0 && taken(socket));
    if let Some((_, owner)) = owner {
        let driver = |at: usize| Some(state.network.registrations.get(at)?.driver);
        let drivers = driver(registration).zip(driver(owner.registration));
        if let Some((by, owner)) = drivers {
            // That a driver cannot be loaded twice for that reason is no defect.
            let name = format!("port {}", address.port());
            state.objects.names.collide(by, name, owner);
        }
        return STATUS_ADDRESS_ALREADY_EXISTS;
    }
    let sockets = &mut state.network.sockets;
    let port = match address.port() {
        0 => sockets.free_port(),
        port => port,
    };
    if let Some(socket) = sockets.get_mut(at) {
        socket.local = Some(address.with_port(port));
    }
    ready(state, at);
    STATUS_SUCCESS
}

/// A socket is bound: something may arrive, unless it is to be connected first.
fn ready(state: &mut State, at: usize) {
    let enabled = sockets::static_events(state, at);
    let Some(socket) = state.network.sockets.get_mut(at) else {
        return;
    };
    match socket.category {
        Category::Datagram => {
            socket.callbacks.enabled |= enabled;
            datagrams::expect_visitors(state, at);
        }
        Category::Listen => {
            socket.callbacks.enabled |= enabled;
            listening::begin(state, at);
        }
        _ => {}
    }
}

unsafe extern "win64" fn wsk_get_local_address(socket: usize, address: usize, irp: usize) -> i32 {
    let Some(request) = begin(socket, irp, "WskGetLocalAddress", BOUND) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    let local = with(|state| state.network.sockets.get(socket)?.local);
    let Some(local) = local else {
        return requests::complete_now(request, STATUS_INVALID_DEVICE_STATE, 0);
    };
    // SAFETY: there is room for an address of the socket's family, as documented.
    unsafe { local.write(address) };
    requests::complete_now(request, STATUS_SUCCESS, 0)
}
