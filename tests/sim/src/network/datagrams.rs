// SPDX-License-Identifier: MIT OR Apache-2.0

//! Datagrams: each arrives at a socket of a driver or at a remote end, or is lost.

use std::collections::VecDeque;

use windows_sys::Win32::Foundation::{
    STATUS_BUFFER_OVERFLOW, STATUS_DATA_NOT_ACCEPTED, STATUS_PENDING, STATUS_SUCCESS,
};

use crate::kernel::{State, with};
use crate::network::addresses::Address;
use crate::network::events::{self, Call, Event};
use crate::network::requests::Ticket;
use crate::network::sockets::Category;
use crate::network::{indications, requests, timing};

/// The most datagrams that wait for a socket.
const MOST: usize = 16;

/// A datagram that has arrived.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    from: Address,
    bytes: Vec<u8>,
}

/// A request of `WskReceiveFrom`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receive {
    pub(crate) request: Ticket,
    /// Where the sender's address goes, or 0.
    pub(crate) remote: usize,
}

/// What has arrived at a socket, and who waits for it.
#[derive(Debug, Default)]
pub(crate) struct Datagrams {
    arrived: VecDeque<Datagram>,
    pub(crate) receives: VecDeque<Receive>,
    /// `true` if a thread hands them out.
    busy: bool,
    /// `true` if the driver was told that the socket is no longer functional.
    is_broken: bool,
}

/// What is done next for a socket.
enum Step {
    Receive(Receive, Datagram),
    Indicate(Call, Datagram),
    Done,
}

/// Sends a datagram on its way from one address to another.
pub(crate) fn send(from: Address, to: Address, bytes: Vec<u8>) {
    if with(|state| timing::once_in(state, 16)) {
        return;
    }
    let has_port = |it: &Option<Address>| it.map(|local| local.port()) == Some(to.port());
    let found = with(|state| {
        let sockets = &state.network.sockets;
        let at = sockets
            .find(|it| it.category == Category::Datagram && has_port(&it.local))
            .map(|(at, _)| at)?;
        let datagrams = &mut state.network.sockets.get_mut(at)?.datagrams;
        if datagrams.arrived.len() < MOST {
            let datagram = Datagram {
                from,
                bytes: bytes.clone(),
            };
            datagrams.arrived.push_back(datagram);
        }
        Some(at)
    });
    match found {
        Some(at) => hand_out(at),
        // A remote end answers with what it was sent.
        None => with(|state| {
            timing::later(state, None, 3 * timing::LONGEST, move || {
                answer(to, from, bytes);
            });
        }),
    }
}

/// A remote end answers, unless the socket is gone.
fn answer(from: Address, to: Address, bytes: Vec<u8>) {
    let has_port = |it: &Option<Address>| it.map(|local| local.port()) == Some(to.port());
    let exists = with(|state| {
        let sockets = &state.network.sockets;
        let found = sockets.find(|it| it.category == Category::Datagram && has_port(&it.local));
        found.is_some()
    });
    if exists {
        send(from, to, bytes);
    }
}

/// Remote ends send something to a socket that has just been bound.
pub(crate) fn expect_visitors(state: &mut State, at: usize) {
    const REMOTE_PORT: u16 = 0xD000;
    let Some((to, by)) = state
        .network
        .sockets
        .get(at)
        .and_then(|socket| Some((socket.local?, socket.by)))
    else {
        return;
    };
    for number in 0..timing::draw(state, 3) {
        let length = 1 + timing::draw(state, 63);
        let bytes = (0..length).map(|it| it.to_le_bytes()[0]).collect();
        let port = REMOTE_PORT + u16::from(number.to_le_bytes()[0]);
        let from = Address::loopback(to.family(), port);
        timing::later(state, by, 10 * timing::LONGEST, move || {
            answer(from, to, bytes);
        });
    }
}

/// Hands out what has arrived at a socket, unless another thread does.
pub(crate) fn hand_out(at: usize) {
    let is_mine = with(|state| {
        let datagrams = state.network.sockets.get_mut(at);
        datagrams.is_some_and(|socket| !std::mem::replace(&mut socket.datagrams.busy, true))
    });
    if !is_mine {
        return;
    }
    loop {
        match with(|state| next(state, at)) {
            Step::Receive(receive, datagram) => fill(receive, &datagram),
            Step::Indicate(call, datagram) => indicate(at, call, datagram),
            Step::Done => return,
        }
    }
}

fn next(state: &mut State, at: usize) -> Step {
    let done = |state: &mut State| {
        if let Some(socket) = state.network.sockets.get_mut(at) {
            socket.datagrams.busy = false;
        }
        Step::Done
    };
    let Some(socket) = state.network.sockets.get_mut(at) else {
        return Step::Done;
    };
    let has_nothing = socket.datagrams.arrived.is_empty() || socket.datagrams.is_broken;
    if has_nothing || socket.closing.is_some() {
        return done(state);
    }
    if let Some(receive) = socket.datagrams.receives.pop_front() {
        if let Some(datagram) = socket.datagrams.arrived.pop_front() {
            return Step::Receive(receive, datagram);
        }
        return done(state);
    }
    let Some(call) = events::enter(state, at, Event::ReceiveFrom) else {
        return done(state);
    };
    let socket = state.network.sockets.get_mut(at);
    let datagram = socket.and_then(|socket| socket.datagrams.arrived.pop_front());
    datagram.map_or(Step::Done, |datagram| Step::Indicate(call, datagram))
}

/// Completes a request with a datagram; it is lost if the request was cancelled.
fn fill(receive: Receive, datagram: &Datagram) {
    let Receive { request, remote } = receive;
    let filled = with(|state| {
        let buffer = &state.network.requests.get(request)?.buffer;
        // SAFETY: who frees the memory of a request that is not complete is stopped.
        unsafe { buffer.write(0, &datagram.bytes) };
        Some(buffer.len())
    });
    let Some(room) = filled else { return };
    if remote != 0 {
        // SAFETY: there is room for an address of the socket's family, as documented.
        unsafe { datagram.from.write(remote) };
    }
    let (status, length) = if datagram.bytes.len() > room {
        (STATUS_BUFFER_OVERFLOW, room)
    } else {
        (STATUS_SUCCESS, datagram.bytes.len())
    };
    requests::complete(request, status, length);
}

/// "If the `DataIndication` parameter is NULL, the socket is no longer functional."
fn fail(at: usize, call: Call) {
    let (result, site) = events::run(call, &[call.context, 0, 0]);
    if result != STATUS_SUCCESS && result != STATUS_DATA_NOT_ACCEPTED {
        events::wrong_result(Event::ReceiveFrom, result, site);
    }
    with(|state| {
        if let Some(socket) = state.network.sockets.get_mut(at) {
            socket.datagrams.is_broken = true;
        }
    });
    events::leave(call);
}

fn indicate(at: usize, call: Call, datagram: Datagram) {
    /// One in `SHARE` datagrams reports that the socket is broken.
    const SHARE: u32 = 64;
    if with(|state| timing::once_in(state, SHARE)) {
        fail(at, call);
        return;
    }
    let made = with(|state| {
        let flags = events::level_flag(state);
        let made = indications::make(state, &datagram.bytes, Some(datagram.from))?;
        Some((flags, made))
    });
    let Some((flags, made)) = made else {
        events::leave(call);
        return;
    };
    with(|state| indications::show(state, at, made));
    let (result, site) = events::run(call, &[call.context, flags, made]);
    indications::returned(at, made, result, site);
    match result {
        STATUS_SUCCESS | STATUS_PENDING => {}
        STATUS_DATA_NOT_ACCEPTED => with(|state| {
            // It is shown again when the driver enables the event again.
            if let Some(socket) = state.network.sockets.get_mut(at) {
                socket.callbacks.enabled &= !Event::ReceiveFrom.flag();
                socket.datagrams.arrived.push_front(datagram);
            }
        }),
        other => events::wrong_result(Event::ReceiveFrom, other, site),
    }
    events::leave(call);
}
