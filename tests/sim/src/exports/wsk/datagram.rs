// SPDX-License-Identifier: MIT OR Apache-2.0

//! Functions of datagram sockets, and the release of data indications.

use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_ADDRESS_COMPONENT, STATUS_INVALID_DEVICE_STATE,
    STATUS_PENDING, STATUS_SUCCESS,
};

use crate::exports::exports;
use crate::exports::wsk::client::run_later;
use crate::exports::wsk::socket::{begin_with, begin_with_buffer, readable};
use crate::findings::caller::caller;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::with;
use crate::network::addresses::Address;
use crate::network::buffers::Buffer;
use crate::network::datagrams::{self, Receive};
use crate::network::sockets::{self, Category};
use crate::network::{indications, requests, timing};

exports! {
    of "wsk":
    "WskSendTo" <= DISPATCH_LEVEL => wsk_send_to: i32;
    "WskSendMessages" <= DISPATCH_LEVEL => wsk_send_messages: i32;
    "WskReceiveFrom" <= DISPATCH_LEVEL => wsk_receive_from: i32;
    "WskRelease" <= DISPATCH_LEVEL => wsk_release: i32;
}

const DATAGRAM: &[Category] = &[Category::Datagram];

unsafe extern "win64" fn wsk_send_to(
    socket: usize,
    buffer: usize,
    _flags: u32,
    remote: usize,
    _control_length: u32,
    _control: usize,
    irp: usize,
) -> i32 {
    const NAME: &str = "WskSendTo";
    sockets::check(socket, NAME, DATAGRAM);
    // SAFETY: the buffer is as documented.
    let buffer = readable(unsafe { Buffer::read(buffer) }, NAME);
    send(socket, vec![buffer], remote, irp, NAME)
}

unsafe extern "win64" fn wsk_send_messages(
    socket: usize,
    list: usize,
    _flags: u32,
    remote: usize,
    _control_length: u32,
    _control: usize,
    irp: usize,
) -> i32 {
    const NAME: &str = "WskSendMessages";
    sockets::check(socket, NAME, DATAGRAM);
    // SAFETY: the list is as documented.
    let buffers = readable(unsafe { Buffer::read_list(list) }, NAME);
    send(socket, buffers, remote, irp, NAME)
}

/// Sends each buffer as a datagram; one request is for all of them.
fn send(socket: usize, buffers: Vec<Buffer>, remote: usize, irp: usize, name: &'static str) -> i32 {
    let Some(request) = begin_with(socket, Buffer::of_all(&buffers), irp, name) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    let to = match remote {
        0 => None,
        // SAFETY: the address is in memory, as documented.
        remote => unsafe { Address::read(remote) },
    };
    let Some(to) = to else {
        return requests::complete_now(request, STATUS_INVALID_ADDRESS_COMPONENT, 0);
    };
    let from = with(|state| state.network.sockets.get(socket)?.local);
    let Some(from) = from else {
        return requests::complete_now(request, STATUS_INVALID_DEVICE_STATE, 0);
    };
    let by = with(|state| caller(state));
    run_later(request, by, move |state| {
        state.network.requests.get(request)?;
        let mut length = 0;
        for buffer in &buffers {
            // SAFETY: who frees the memory of a request that is not complete is stopped.
            let bytes = unsafe { buffer.bytes() };
            length += bytes.len();
            timing::later(state, by, timing::LONGEST, move || {
                datagrams::send(from, to, bytes);
            });
        }
        Some((STATUS_SUCCESS, length))
    })
}

unsafe extern "win64" fn wsk_receive_from(
    socket: usize,
    buffer: usize,
    _flags: u32,
    remote: usize,
    control_length: *mut u32,
    _control: usize,
    control_flags: *mut u32,
    irp: usize,
) -> i32 {
    // SAFETY: the buffer is as documented.
    let begun = unsafe { begin_with_buffer(socket, buffer, irp, "WskReceiveFrom", DATAGRAM) };
    let Some(request) = begun else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    for number in [control_length, control_flags] {
        if !number.is_null() {
            // SAFETY: it is not null, and so may be written, as documented.
            unsafe { number.write(0) };
        }
    }
    let by = with(|state| caller(state));
    let bound = with(|state| {
        let one = state.network.sockets.get_mut(socket)?;
        one.local?;
        one.datagrams
            .receives
            .push_back(Receive { request, remote });
        timing::later(state, by, timing::LONGEST, move || {
            datagrams::hand_out(socket);
        });
        Some(())
    });
    if bound.is_none() {
        return requests::complete_now(request, STATUS_INVALID_DEVICE_STATE, 0);
    }
    STATUS_PENDING
}

unsafe extern "win64" fn wsk_release(socket: usize, indication: usize) -> i32 {
    const ALLOWED: &[Category] = &[Category::Datagram, Category::Connection, Category::Stream];
    sockets::check(socket, "WskRelease", ALLOWED);
    let (by, released) = with(|state| {
        let by = caller(state);
        (by, indications::release(state, socket, indication, by))
    });
    if !released {
        indications::not_kept(by);
    }
    STATUS_SUCCESS
}
