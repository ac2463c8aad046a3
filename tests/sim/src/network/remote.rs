// SPDX-License-Identifier: MIT OR Apache-2.0

//! Remote ends of connections. Those that a driver connects to answer with what they are sent;
//! those that connect to a driver send something, wait for answers, and end the connection. Each
//! goes away in the end, with or without an end in good order.

use crate::kernel::{State, with};
use crate::loader::drivers::DriverId;
use crate::network::listening;
use crate::network::sockets::Socket;
use crate::network::streams::{self, End, Packet, Peer};
use crate::network::timing::{self, LONGEST};

/// A remote end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remote {
    /// It answers.
    Echo,
    /// It asks, and has this number of questions left.
    Visitor(u64),
}

/// The longest life of a remote end, as a multiple of what a packet takes at most.
const LIFE: u64 = 60;

/// A connection to a remote end begins at a socket.
pub(crate) fn begin(state: &mut State, at: usize) {
    let peer = state.network.sockets.get(at).map(|it| &it.stream.peer);
    if let Some(Peer::Remote(Remote::Visitor(_))) = peer {
        ask(state, at);
    }
    let life = LONGEST * (1 + timing::draw(state, LIFE));
    let end = how_it_ends(state);
    let by = state.network.sockets.get(at).and_then(|it| it.by);
    timing::later(state, by, life, move || {
        with(|state| post(state, at, Packet::End(end)));
        take_up(at);
    });
}

fn how_it_ends(state: &mut State) -> End {
    if timing::once_in(state, 4) {
        End::Abortive
    } else {
        End::Graceful
    }
}

/// A visitor sends a question.
fn ask(state: &mut State, at: usize) {
    let length = 1 + timing::draw(state, 99);
    let bytes = (0..length).map(|it| it.to_le_bytes()[0]).collect();
    send(state, at, Packet::Data(bytes));
}

/// A packet of a socket has come to its remote end.
pub(in crate::network) fn react(state: &mut State, at: usize, packet: Packet) {
    let Some(socket) = state.network.sockets.get_mut(at) else {
        return;
    };
    let Peer::Remote(remote) = &mut socket.stream.peer else {
        return;
    };
    match (packet, remote) {
        (Packet::End(End::Abortive), _) => {}
        (Packet::End(End::Graceful), _) => send(state, at, Packet::End(End::Graceful)),
        (Packet::Data(bytes), Remote::Echo) => send(state, at, Packet::Data(bytes)),
        (Packet::Data(_), Remote::Visitor(0)) => {
            let end = how_it_ends(state);
            send(state, at, Packet::End(end));
        }
        (Packet::Data(_), Remote::Visitor(left)) => {
            *left -= 1;
            ask(state, at);
        }
    }
}

/// A remote end sends a packet, which arrives later.
fn send(state: &mut State, at: usize, packet: Packet) {
    let by = state.network.sockets.get(at).and_then(|it| it.by);
    post(state, at, packet);
    timing::later(state, by, 2 * LONGEST, move || take_up(at));
}

fn post(state: &mut State, at: usize, packet: Packet) {
    if let Some(socket) = state.network.sockets.get_mut(at) {
        socket.stream.line.push_back(packet);
    }
}

/// The next packet of a remote end arrives.
fn take_up(at: usize) {
    let arrived = with(|state| {
        let line = |socket: &mut Socket| socket.stream.line.pop_front();
        let packet = state.network.sockets.get_mut(at).and_then(line)?;
        streams::arrive(state, at, packet);
        Some(())
    });
    if arrived.is_some() {
        streams::hand_out(at);
    }
}

/// A driver is about to be unloaded: connections and data may arrive just now.
pub(crate) fn driver_unloads(state: &mut State, driver: DriverId) {
    let Some(registration) = state.network.registrations.first_of(driver) else {
        return;
    };
    let sockets = &state.network.sockets;
    let open = sockets.of(registration);
    let all: Vec<_> = open.map(|(at, it)| (at, it.listening.active)).collect();
    for (at, listens) in all {
        if listens {
            listening::expect_visitor(state, at, LONGEST);
        } else if is_visited(state, at) && timing::once_in(state, 2) {
            ask(state, at);
        }
    }
}

fn is_visited(state: &State, at: usize) -> bool {
    let socket = state.network.sockets.get(at);
    socket.is_some_and(|it| matches!(it.stream.peer, Peer::Remote(Remote::Visitor(_))))
}
