// SPDX-License-Identifier: MIT OR Apache-2.0

//! Connections: bytes from a socket's peer arrive in order, in pieces, and complete requests of
//! `WskReceive` or are indicated to `WskReceiveEvent`.

use std::collections::VecDeque;

use windows_sys::Win32::Foundation::{
    STATUS_CONNECTION_DISCONNECTED, STATUS_CONNECTION_RESET, STATUS_DATA_NOT_ACCEPTED,
    STATUS_PENDING, STATUS_SUCCESS,
};

use crate::kernel::{State, with};
use crate::network::addresses::Address;
use crate::network::events::{self, Call, Event};
use crate::network::remote::{self, Remote};
use crate::network::requests::Ticket;
use crate::network::{indications, requests, timing};

/// The other end of a connection.
#[derive(Debug, Default)]
pub(crate) enum Peer {
    #[default]
    None,
    /// A socket of a driver.
    Socket(usize),
    Remote(Remote),
}

/// How a peer has ended what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Graceful,
    Abortive,
}

/// What a socket sends, or its peer.
#[derive(Clone, Debug)]
pub(crate) enum Packet {
    Data(Vec<u8>),
    End(End),
}

/// What a request of `WskReceive` waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Some data.
    Some,
    /// As much as the buffer has room for: `WSK_FLAG_WAITALL`.
    All,
    /// The end of the connection; what arrives is discarded: `WSK_FLAG_DRAIN`.
    End,
}

/// A request of `WskReceive`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receive {
    pub(crate) request: Ticket,
    pub(crate) wanted: Wanted,
}

/// A request of `WskSend` or `WskDisconnect`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) request: Ticket,
    pub(crate) end: Option<End>,
}

/// What a connection-oriented socket knows of its connection.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) peer: Peer,
    pub(crate) remote: Option<Address>,
    /// What is under way from a remote end.
    pub(in crate::network) line: VecDeque<Packet>,
    arrived: VecDeque<u8>,
    /// How the peer has ended its direction.
    ended: Option<End>,
    /// The same, as long as the driver has not been told so.
    untold: Option<End>,
    /// `true` if this end has ended its direction.
    finished: bool,
    pub(crate) receives: VecDeque<Receive>,
    pub(crate) outputs: VecDeque<Output>,
    /// How much should be under way to the peer, as long as the driver has not been told so.
    backlog: Option<usize>,
    /// Nothing is shown until a request of `WskReceive` is complete.
    stopped: bool,
    /// `true` if a thread hands out.
    busy: bool,
}

impl Stream {
    /// Returns `true` if there is or was a connection.
    pub(crate) const fn is_connected(&self) -> bool {
        self.remote.is_some()
    }
}

/// What is done next for a socket.
enum Step {
    Receive(Ticket, Vec<u8>),
    End(Ticket, i32),
    Indicate(Call, Vec<u8>),
    Disconnect(Call, End),
    Backlog(Call, usize),
    Done,
}

/// Sends what the socket has to send first. Its requests are complete in their order.
pub(crate) fn transmit(at: usize) {
    let sent = with(|state| {
        let stream = &mut state.network.sockets.get_mut(at)?.stream;
        let output = stream.outputs.pop_front()?;
        let status = match (stream.ended, stream.finished) {
            (Some(End::Abortive), _) => STATUS_CONNECTION_RESET,
            (_, true) => STATUS_CONNECTION_DISCONNECTED,
            _ => STATUS_SUCCESS,
        };
        // It may have been cancelled.
        let buffer = state.network.requests.get(output.request)?.buffer.clone();
        if status != STATUS_SUCCESS {
            let status = output.end.map_or(status, |_| STATUS_SUCCESS);
            return Some((output.request, status, 0, None));
        }
        // SAFETY: who frees the memory of a request that is not complete is stopped.
        let bytes = unsafe { buffer.bytes() };
        let length = bytes.len();
        if length > 0 {
            deliver(state, at, Packet::Data(bytes));
        }
        if let Some(end) = output.end {
            finish(state, at, end);
        }
        let to = peer_socket(state, at);
        Some((output.request, STATUS_SUCCESS, length, to))
    });
    if let Some((request, status, length, to)) = sent {
        requests::complete(request, status, length);
        if let Some(to) = to {
            hand_out(to);
        }
    }
}

/// A request has connected a socket. Sends the data of the request, if there are any; returns
/// how much.
pub(crate) fn begin(state: &mut State, at: usize, request: Ticket) -> usize {
    let size = 1 << (12 + timing::draw(state, 4));
    if let Some(socket) = state.network.sockets.get_mut(at) {
        socket.stream.backlog = Some(size);
    }
    let buffer = state.network.requests.get(request);
    let Some(buffer) = buffer.map(|request| request.buffer.clone()) else {
        return 0;
    };
    // SAFETY: who frees the memory of a request that is not complete is stopped.
    let bytes = unsafe { buffer.bytes() };
    let length = bytes.len();
    if length > 0 {
        deliver(state, at, Packet::Data(bytes));
    }
    length
}

/// The socket of a driver at the other end.
pub(crate) fn peer_socket(state: &State, at: usize) -> Option<usize> {
    match state.network.sockets.get(at)?.stream.peer {
        Peer::Socket(to) => Some(to),
        _ => None,
    }
}

/// A socket ends its direction.
fn finish(state: &mut State, at: usize, end: End) {
    if let Some(socket) = state.network.sockets.get_mut(at) {
        socket.stream.finished = true;
        if end == End::Abortive {
            socket.stream.arrived.clear();
            socket.stream.ended = Some(End::Abortive);
            socket.stream.untold = None;
        }
    }
    deliver(state, at, Packet::End(end));
}

/// The packet of a socket comes to its peer.
fn deliver(state: &mut State, at: usize, packet: Packet) {
    let Some(socket) = state.network.sockets.get(at) else {
        return;
    };
    match socket.stream.peer {
        Peer::None => {}
        Peer::Socket(to) => arrive(state, to, packet),
        Peer::Remote(_) => remote::react(state, at, packet),
    }
}

/// A packet arrives at a socket.
pub(in crate::network) fn arrive(state: &mut State, at: usize, packet: Packet) {
    let Some(socket) = state.network.sockets.get_mut(at) else {
        return;
    };
    let stream = &mut socket.stream;
    if stream.ended.is_some() {
        return;
    }
    match packet {
        Packet::Data(bytes) => stream.arrived.extend(bytes),
        Packet::End(end) => {
            stream.ended = Some(end);
            stream.untold = Some(end);
            if end == End::Abortive {
                stream.arrived.clear();
            }
        }
    }
}

/// A socket is closed: its peer sees the end of the connection.
pub(in crate::network) fn hang_up(state: &mut State, at: usize) {
    let Some(socket) = state.network.sockets.get(at) else {
        return;
    };
    let (stream, by) = (&socket.stream, socket.by);
    if !stream.is_connected() {
        return;
    }
    let is_over = stream.finished && stream.ended == Some(End::Graceful);
    if !is_over {
        deliver(state, at, Packet::End(End::Abortive));
    }
    if let Some(to) = peer_socket(state, at) {
        if let Some(peer) = state.network.sockets.get_mut(to) {
            peer.stream.peer = Peer::None;
        }
        timing::later(state, by, timing::LONGEST, move || hand_out(to));
    }
}

/// Hands out what has arrived at a socket, unless another thread does.
pub(crate) fn hand_out(at: usize) {
    let is_mine = with(|state| {
        let socket = state.network.sockets.get_mut(at);
        socket.is_some_and(|socket| !std::mem::replace(&mut socket.stream.busy, true))
    });
    if !is_mine {
        return;
    }
    loop {
        match with(|state| next(state, at)) {
            Step::Receive(request, bytes) => receive(at, request, &bytes),
            Step::End(request, status) => requests::complete(request, status, 0),
            Step::Indicate(call, bytes) => indicate(at, call, &bytes),
            Step::Disconnect(call, end) => disconnect(call, end),
            Step::Backlog(call, size) => tell(call, Event::SendBacklog, size),
            Step::Done => return,
        }
    }
}

fn next(state: &mut State, at: usize) -> Step {
    let step = find_next(state, at);
    step.unwrap_or_else(|| {
        if let Some(socket) = state.network.sockets.get_mut(at) {
            socket.stream.busy = false;
        }
        Step::Done
    })
}

fn find_next(state: &mut State, at: usize) -> Option<Step> {
    // Now and then what has arrived comes in pieces.
    let part = timing::draw(state, 7) + 1;
    let piece = |length: usize| match usize::try_from(part) {
        Ok(part) if part < 4 => length.div_ceil(part),
        _ => length,
    };
    let socket = state.network.sockets.get_mut(at)?;
    if socket.closing.is_some() {
        return None;
    }
    let requests = &state.network.requests;
    let stream = &mut socket.stream;
    while let Some(first) = stream.receives.front()
        && requests.get(first.request).is_none()
    {
        stream.receives.pop_front();
    }
    if let Some(first) = stream.receives.front()
        && first.wanted == Wanted::End
    {
        stream.arrived.clear();
    }
    let available = stream.arrived.len();
    if let Some(&Receive { request, wanted }) = stream.receives.front() {
        let all = wanted == Wanted::All;
        let room = requests.get(request)?.buffer.len();
        let filled = room.min(available);
        if available > 0 && (!all || available >= room || stream.ended.is_some()) {
            stream.receives.pop_front();
            let length = if all { filled } else { piece(filled) };
            return Some(Step::Receive(
                request,
                stream.arrived.drain(..length).collect(),
            ));
        }
        let end = stream.ended.filter(|_| available == 0)?;
        stream.receives.pop_front();
        let status = match end {
            End::Graceful => STATUS_SUCCESS,
            End::Abortive => STATUS_CONNECTION_RESET,
        };
        return Some(Step::End(request, status));
    }
    if available > 0 {
        if stream.stopped {
            return None;
        }
        let call = events::enter(state, at, Event::Receive)?;
        let stream = &mut state.network.sockets.get_mut(at)?.stream;
        let length = piece(stream.arrived.len());
        return Some(Step::Indicate(
            call,
            stream.arrived.drain(..length).collect(),
        ));
    }
    if let Some(end) = stream.untold {
        let call = events::enter(state, at, Event::Disconnect)?;
        state.network.sockets.get_mut(at)?.stream.untold = None;
        return Some(Step::Disconnect(call, end));
    }
    let size = stream.backlog?;
    let call = events::enter(state, at, Event::SendBacklog)?;
    state.network.sockets.get_mut(at)?.stream.backlog = None;
    Some(Step::Backlog(call, size))
}

fn receive(at: usize, ticket: Ticket, bytes: &[u8]) {
    with(|state| {
        if let Some(request) = state.network.requests.get(ticket) {
            // SAFETY: who frees the memory of a request that is not complete is stopped.
            unsafe { request.buffer.write(0, bytes) };
        }
        if let Some(socket) = state.network.sockets.get_mut(at) {
            socket.stream.stopped = false;
        }
    });
    requests::complete(ticket, STATUS_SUCCESS, bytes.len());
}

/// "If this parameter is NULL, the socket is no longer functional": the connection is over.
fn fail(at: usize, call: Call) {
    let mut accepted = 0_usize;
    let place = &raw mut accepted;
    let arguments = [call.context, 0, 0, 0, place.addr()];
    let (result, site) = events::run(call, &arguments);
    if result != STATUS_SUCCESS && result != STATUS_DATA_NOT_ACCEPTED {
        events::wrong_result(Event::Receive, result, site);
    }
    with(|state| arrive(state, at, Packet::End(End::Abortive)));
    events::leave(call);
}

fn indicate(at: usize, call: Call, bytes: &[u8]) {
    /// One in `SHARE` indications reports that the socket is broken.
    const SHARE: u32 = 64;
    if with(|state| timing::once_in(state, SHARE)) {
        fail(at, call);
        return;
    }
    let made = with(|state| {
        let flags = events::level_flag(state);
        Some((flags, indications::make(state, bytes, None)?))
    });
    let Some((flags, made)) = made else {
        // The connection breaks for want of memory.
        with(|state| arrive(state, at, Packet::End(End::Abortive)));
        events::leave(call);
        return;
    };
    let accepted = indications::accepted(made);
    let arguments = [call.context, flags, made, bytes.len(), accepted.addr()];
    with(|state| indications::show(state, at, made));
    let (result, site) = events::run(call, &arguments);
    // SAFETY: the indication is in memory until the callback has been seen to have returned.
    let accepted = unsafe { accepted.read() }.min(bytes.len());
    let rest = match result {
        STATUS_SUCCESS => &bytes[accepted..],
        STATUS_PENDING => &[],
        STATUS_DATA_NOT_ACCEPTED => bytes,
        other => events::wrong_result(Event::Receive, other, site),
    };
    indications::returned(at, made, result, site);
    with(|state| {
        if let Some(socket) = state.network.sockets.get_mut(at)
            && !rest.is_empty()
        {
            socket.stream.stopped = true;
            for &byte in rest.iter().rev() {
                socket.stream.arrived.push_front(byte);
            }
        }
    });
    events::leave(call);
}

fn disconnect(call: Call, end: End) {
    let flags = with(|state| events::level_flag(state)) | usize::from(end == End::Abortive);
    tell(call, Event::Disconnect, flags);
}

/// Calls a callback that only tells something, and must return success.
fn tell(call: Call, event: Event, what: usize) {
    let (result, site) = events::run(call, &[call.context, what]);
    if result != STATUS_SUCCESS {
        events::wrong_result(event, result, site);
    }
    events::leave(call);
}
