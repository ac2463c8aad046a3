// SPDX-License-Identifier: MIT OR Apache-2.0

//! `WskControlSocket`: options of sockets, above all which event callbacks are enabled.

use windows_sys::Win32::Foundation::{
    STATUS_EVENT_PENDING, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_PENDING,
    STATUS_SUCCESS,
};

use crate::exports::exports;
use crate::exports::wsk::client_control::EventCallbackControl;
use crate::exports::wsk::socket::registration_of;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::{State, with};
use crate::network::events::Event;
use crate::network::requests::Ticket;
use crate::network::sockets::{self, Category};
use crate::network::{self, requests, timing};

exports! {
    of "wsk":
    "WskControlSocket" <= DISPATCH_LEVEL => wsk_control_socket: i32;
}

/// `WskSetOption`.
const SET_OPTION: i32 = 0;
/// `SOL_SOCKET`.
const SOCKET_LEVEL: u32 = 0xFFFF;
/// `SO_WSK_EVENT_CALLBACK`.
const EVENT_CALLBACK: u32 = 0x4002;
/// `SO_CONDITIONAL_ACCEPT`.
const CONDITIONAL_ACCEPT: u32 = 0x3002;
/// `WSK_EVENT_DISABLE`.
const DISABLE: u32 = 0x8000_0000;

unsafe extern "win64" fn wsk_control_socket(
    socket: usize,
    kind: i32,
    code: u32,
    level: u32,
    input_length: usize,
    input: *const EventCallbackControl,
    output_length: usize,
    output: *mut u8,
    returned: *mut usize,
    irp: usize,
) -> i32 {
    const NAME: &str = "WskControlSocket";
    const ANY: &[Category] = &[
        Category::Basic,
        Category::Listen,
        Category::Datagram,
        Category::Connection,
        Category::Stream,
    ];
    sockets::check(socket, NAME, ANY);
    let request =
        (irp != 0).then(|| requests::take(irp, NAME, registration_of(socket), Some(socket)));
    let is_events = (kind, code, level) == (SET_OPTION, EVENT_CALLBACK, SOCKET_LEVEL);
    let is_condition = (kind, code, level) == (SET_OPTION, CONDITIONAL_ACCEPT, SOCKET_LEVEL);
    let status = if is_condition && !input.is_null() && input_length >= size_of::<u32>() {
        // SAFETY: the input is there, with the length that was just checked.
        let value = unsafe { input.cast::<u32>().read_unaligned() };
        with(|state| {
            if let Some(socket) = state.network.sockets.get_mut(socket) {
                socket.listening.conditional = value != 0;
            }
        });
        STATUS_SUCCESS
    } else if !is_events {
        if kind != SET_OPTION && !output.is_null() {
            // SAFETY: there is room, as documented. All options are off.
            unsafe { output.write_bytes(0, output_length) };
        }
        STATUS_SUCCESS
    } else if input.is_null() || input_length < size_of::<EventCallbackControl>() {
        STATUS_INVALID_PARAMETER
    } else {
        // SAFETY: the input is there, with the length that was just checked.
        let mask = unsafe { (*input).mask };
        with(|state| change_events(state, socket, mask, request))
    };
    if !returned.is_null() {
        let written = if is_events { 0 } else { output_length };
        // SAFETY: it is not null, and so may be written, as documented.
        unsafe { returned.write(written) };
    }
    match request {
        Some(request) if status != STATUS_PENDING => requests::complete_now(request, status, 0),
        _ => status,
    }
}

/// The events that can be disabled.
const EVENTS: [Event; 5] = [
    Event::Accept,
    Event::ReceiveFrom,
    Event::Receive,
    Event::Disconnect,
    Event::SendBacklog,
];

/// Enables or disables callbacks. Returns the status.
fn change_events(state: &mut State, at: usize, mask: u32, request: Option<Ticket>) -> i32 {
    let Some(socket) = state.network.sockets.get_mut(at) else {
        return STATUS_INVALID_DEVICE_STATE;
    };
    let is_ready = match socket.category {
        Category::Connection => socket.stream.is_connected(),
        _ => socket.local.is_some(),
    };
    if !is_ready {
        return STATUS_INVALID_DEVICE_STATE;
    }
    let callbacks = &mut socket.callbacks;
    if mask & DISABLE == 0 {
        callbacks.enabled |= mask;
        let by = socket.by;
        timing::later(state, by, timing::LONGEST, move || network::hand_out(at));
        return STATUS_SUCCESS;
    }
    let Some(event) = EVENTS.into_iter().find(|it| it.flag() == mask & !DISABLE) else {
        return STATUS_INVALID_PARAMETER;
    };
    callbacks.enabled &= !event.flag();
    let is_called = |(_, called): &(_, Event)| *called == event;
    if !callbacks.inside.iter().any(is_called) {
        return STATUS_SUCCESS;
    }
    let Some(request) = request else {
        return STATUS_EVENT_PENDING;
    };
    callbacks.disabling.push((request, event));
    STATUS_PENDING
}
