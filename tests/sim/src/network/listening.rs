// SPDX-License-Identifier: MIT OR Apache-2.0

//! Listening sockets: connections arrive, and drivers accept them by requests of `WskAccept` or
//! in `WskAcceptEvent`.

use std::collections::VecDeque;

use windows_sys::Win32::Foundation::{
    STATUS_CONNECTION_REFUSED, STATUS_REQUEST_NOT_ACCEPTED, STATUS_SUCCESS,
};

use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::network::addresses::Address;
use crate::network::events::{self, Call, Callbacks, Event};
use crate::network::remote::{self, Remote};
use crate::network::requests::Ticket;
use crate::network::sockets::{self, Category, Socket};
use crate::network::streams::Peer;
use crate::network::timing::{self, LONGEST};
use crate::network::{TAG, registrations, requests};

/// The most connections that wait for a driver.
const MOST: usize = 8;

/// A connection that is not accepted yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    from: Address,
    /// The socket that connects and its request, if it is a driver's.
    connecting: Option<(usize, Ticket)>,
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
    /// Whether connections arrive.
    pub(crate) active: bool,
    arrivals: VecDeque<Arrival>,
    pub(crate) accepts: VecDeque<Accept>,
    /// Whether a thread hands out.
    busy: bool,
}

/// `WskAcceptEvent`'s arguments that are memory.
#[repr(C)]
struct Arguments {
    local: [u8; 32],
    remote: [u8; 32],
    context: usize,
    dispatch: usize,
}

enum Step {
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
    let arrived = with(|state| arrive(state, to, Arrival { from, connecting }));
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
    if let Some(accept) = listening.accepts.pop_front() {
        listening.arrivals.pop_front();
        return Some(Step::Accept(accept, arrival));
    }
    let call = events::enter(state, at, Event::Accept)?;
    let socket = state.network.sockets.get_mut(at)?;
    socket.listening.arrivals.pop_front();
    Some(Step::Offer(call, arrival))
}

/// Makes the socket of a connection that `at` accepts.
fn make(
    state: &mut State,
    at: usize,
    arrival: &Arrival,
    by: Option<Site>,
    callbacks: Callbacks,
) -> Option<usize> {
    let listener = state.network.sockets.get(at)?;
    let (registration, family) = (listener.registration, listener.family);
    let local = listener.local;
    let mut socket = Socket::new(Category::Connection, registration, by, family, callbacks);
    socket.local = local;
    socket.stream.remote = Some(arrival.from);
    sockets::make(state, socket)
}

/// Connects an accepted socket with what has arrived.
fn link(at: usize, arrival: &Arrival) {
    let connected = with(|state| {
        let visits = timing::draw(state, 3);
        let by_driver = arrival
            .connecting
            .filter(|(_, request)| state.network.requests.get(*request).is_some());
        let socket = state.network.sockets.get_mut(at)?;
        let local = socket.local;
        let Some((other, request)) = by_driver else {
            socket.stream.peer = Peer::Remote(Remote::Visitor(visits));
            remote::begin(state, at);
            return None;
        };
        socket.stream.peer = Peer::Socket(other);
        let enabled = sockets::static_events(state, other);
        let other = state.network.sockets.get_mut(other)?;
        other.stream.peer = Peer::Socket(at);
        other.stream.remote = local;
        other.callbacks.enabled |= enabled;
        Some(request)
    });
    if let Some(request) = connected {
        requests::complete(request, STATUS_SUCCESS, 0);
    }
}

fn complete(at: usize, accept: Accept, arrival: &Arrival) {
    let made = with(|state| {
        let by = state.network.requests.get(accept.request)?.by;
        let callbacks = Callbacks {
            context: accept.context,
            dispatch: accept.dispatch,
            enabled: sockets::static_events(state, at),
            ..Callbacks::default()
        };
        make(state, at, arrival, by, callbacks)
    });
    let Some(made) = made else {
        refuse(arrival);
        return;
    };
    let local = with(|state| state.network.sockets.get(made)?.local);
    for (address, place) in [(local, accept.local), (Some(arrival.from), accept.remote)] {
        if let Some(address) = address
            && place != 0
        {
            // SAFETY: there is room for an address of the socket's family, as documented.
            unsafe { address.write(place) };
        }
    }
    link(made, arrival);
    requests::complete(accept.request, STATUS_SUCCESS, made);
}

fn refuse(arrival: &Arrival) {
    if let Some((_, request)) = arrival.connecting {
        requests::complete(request, STATUS_CONNECTION_REFUSED, 0);
    }
}

fn offer(at: usize, call: Call, arrival: &Arrival) {
    let made = with(|state| {
        let by = events::site_of(state, &call);
        let memory = state
            .memory
            .pool
            .allocate(size_of::<Arguments>(), TAG, true, None)?;
        let made = make(state, at, arrival, by, Callbacks::default());
        if made.is_none() {
            let _ = state.memory.pool.free(memory, TAG, None);
        }
        Some((memory, made?, events::level_flag(state)))
    });
    let Some((memory, made, flags)) = made else {
        refuse(arrival);
        events::leave(call);
        return;
    };
    let arguments = memory as *mut Arguments;
    // SAFETY: the memory was just allocated for them.
    let places = unsafe {
        [
            (&raw mut (*arguments).local).addr(),
            (&raw mut (*arguments).remote).addr(),
            (&raw mut (*arguments).context).addr(),
            (&raw mut (*arguments).dispatch).addr(),
        ]
    };
    let local = with(|state| state.network.sockets.get(made)?.local);
    // SAFETY: there is room for an address of either family.
    unsafe {
        if let Some(local) = local {
            local.write(places[0]);
        }
        arrival.from.write(places[1]);
    }
    let [local, remote, context, dispatch] = places;
    let (result, site) = events::run(
        call,
        &[call.context, flags, local, remote, made, context, dispatch],
    );
    // SAFETY: the memory is the network's, and is freed below.
    let (context, dispatch) = unsafe { ((*arguments).context, (*arguments).dispatch) };
    with(|state| {
        let _ = state.memory.pool.free(memory, TAG, site);
    });
    match result {
        STATUS_SUCCESS => {
            with(|state| {
                let enabled = sockets::static_events(state, at);
                if let Some(socket) = state.network.sockets.get_mut(made) {
                    let callbacks = &mut socket.callbacks;
                    callbacks.context = context;
                    callbacks.dispatch = dispatch;
                    callbacks.enabled |= enabled;
                }
            });
            link(made, arrival);
        }
        STATUS_REQUEST_NOT_ACCEPTED => {
            with(|state| {
                let registration = state.network.sockets.get(made).map(|it| it.registration);
                sockets::remove(state, made);
                if let Some(registration) = registration {
                    registrations::settle(state, registration);
                }
            });
            refuse(arrival);
        }
        other => events::wrong_result(Event::Accept, other, site),
    }
    events::leave(call);
}
