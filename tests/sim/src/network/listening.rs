// SPDX-License-Identifier: MIT OR Apache-2.0

//! Listening sockets: connections arrive, and are handed out to the driver.

use std::collections::{BTreeMap, VecDeque};

use windows_sys::Win32::Foundation::STATUS_CONNECTION_REFUSED;

use crate::kernel::{State, with};
use crate::network::accepting::{complete, offer};
use crate::network::addresses::Address;
use crate::network::events::{self, Call, Event};
use crate::network::inspection::inspect;
use crate::network::requests::{self, Ticket};
use crate::network::sockets::Socket;
use crate::network::timing::{self, LONGEST};

/// The most connections that wait for a driver.
const MOST: usize = 8;

/// A connection that is not accepted yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(in crate::network) from: Address,
    /// `true` if the driver has said that it may be accepted.
    pub(in crate::network) inspected: bool,
    /// The socket that connects and its request, if it is a driver's.
    pub(in crate::network) connecting: Option<(usize, Ticket)>,
}

/// A request of `WskAccept`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accept {
    pub(crate) request: Ticket,
    pub(crate) context: usize,
    pub(crate) dispatch: usize,
    /// Where the addresses go, or 0.
    pub(crate) local: usize,
    pub(crate) remote: usize,
}

/// What a listening socket knows.
#[derive(Debug, Default)]
pub(crate) struct Listening {
    /// `true` if connections arrive.
    pub(crate) active: bool,
    /// `true` if the driver is asked first.
    pub(crate) conditional: bool,
    pub(in crate::network) arrivals: VecDeque<Arrival>,
    /// Those that the driver has not decided on, by serial number.
    pub(in crate::network) undecided: BTreeMap<u32, Arrival>,
    /// The last serial number.
    pub(in crate::network) last: u32,
    pub(crate) accepts: VecDeque<Accept>,
    /// `true` if a thread hands out.
    busy: bool,
}

enum Step {
    Inspect(Call, Arrival),
    Accept(Accept, Arrival),
    Offer(Call, Arrival),
    Done,
}

/// A socket begins to listen: remote ends connect to it.
pub(crate) fn begin(state: &mut State, at: usize) {
    let Some(socket) = state.network.sockets.get_mut(at) else {
        return;
    };
    socket.listening.active = true;
    for _ in 0..=timing::draw(state, 2) {
        expect_visitor(state, at, 10 * LONGEST);
    }
}

/// A remote end connects to a listening socket after at most `longest` microseconds.
pub(in crate::network) fn expect_visitor(state: &mut State, at: usize, longest: u64) {
    const REMOTE_PORT: u16 = 0xE000;
    let Some(socket) = state.network.sockets.get(at) else {
        return;
    };
    let (family, by) = (socket.family, socket.by);
    let number = timing::draw(state, 0xFFF);
    let port = REMOTE_PORT + u16::try_from(number).unwrap_or_default();
    let from = Address::loopback(family, port);
    timing::later(state, by, longest, move || {
        let arrival = Arrival {
            from,
            inspected: false,
            connecting: None,
        };
        with(|state| arrive(state, at, arrival));
        hand_out(at);
    });
}

/// A connection arrives. Returns `false` if nobody can accept it.
fn arrive(state: &mut State, at: usize, arrival: Arrival) -> bool {
    let socket = state.network.sockets.get_mut(at);
    let Some(socket) = socket.filter(|it| it.closing.is_none() && it.listening.active) else {
        return false;
    };
    let arrivals = &mut socket.listening.arrivals;
    let is_full = arrivals.len() >= MOST;
    if !is_full {
        arrivals.push_back(arrival);
    }
    !is_full
}

/// The socket that listens at a port.
pub(crate) fn listener(state: &State, port: u16) -> Option<usize> {
    let listens = |socket: &Socket| {
        let local = socket.local.map(|local| local.port());
        socket.listening.active && local == Some(port)
    };
    state.network.sockets.find(listens).map(|(at, _)| at)
}

/// A driver's socket connects to a listener. Its request is complete when the connection is
/// accepted, or after a while.
pub(crate) fn connect(at: usize, request: Ticket, to: usize, from: Address) {
    let connecting = Some((at, request));
    let arrival = Arrival {
        from,
        inspected: false,
        connecting,
    };
    let arrived = with(|state| arrive(state, to, arrival));
    if !arrived {
        requests::complete(request, STATUS_CONNECTION_REFUSED, 0);
        return;
    }
    with(|state| {
        let by = state.network.sockets.get(at).and_then(|it| it.by);
        timing::later(state, by, 100 * LONGEST, move || {
            requests::complete(request, STATUS_CONNECTION_REFUSED, 0);
        })
    });
    hand_out(to);
}

/// Hands the connections of a listener out, unless another thread does.
pub(crate) fn hand_out(at: usize) {
    let is_mine = with(|state| {
        let socket = state.network.sockets.get_mut(at);
        socket.is_some_and(|socket| !std::mem::replace(&mut socket.listening.busy, true))
    });
    if !is_mine {
        return;
    }
    loop {
        match with(|state| next(state, at)) {
            Step::Inspect(call, arrival) => inspect(at, call, arrival),
            Step::Accept(accept, arrival) => complete(at, accept, &arrival),
            Step::Offer(call, arrival) => offer(at, call, &arrival),
            Step::Done => return,
        }
    }
}

fn next(state: &mut State, at: usize) -> Step {
    let step = find_next(state, at);
    step.unwrap_or_else(|| {
        if let Some(socket) = state.network.sockets.get_mut(at) {
            socket.listening.busy = false;
        }
        Step::Done
    })
}

fn find_next(state: &mut State, at: usize) -> Option<Step> {
    let socket = state.network.sockets.get_mut(at)?;
    if socket.closing.is_some() {
        return None;
    }
    let requests = &state.network.requests;
    let listening = &mut socket.listening;
    listening
        .accepts
        .retain(|it| requests.get(it.request).is_some());
    let is_there = |it: &Arrival| {
        it.connecting
            .is_none_or(|(_, request)| requests.get(request).is_some())
    };
    listening.arrivals.retain(is_there);
    let &arrival = listening.arrivals.front()?;
    if listening.conditional && !arrival.inspected {
        listening.arrivals.pop_front();
        let call = events::enter(state, at, Event::Inspect)?;
        return Some(Step::Inspect(call, arrival));
    }
    if let Some(accept) = listening.accepts.pop_front() {
        listening.arrivals.pop_front();
        return Some(Step::Accept(accept, arrival));
    }
    let call = events::enter(state, at, Event::Accept)?;
    let socket = state.network.sockets.get_mut(at)?;
    socket.listening.arrivals.pop_front();
    Some(Step::Offer(call, arrival))
}
