// SPDX-License-Identifier: MIT OR Apache-2.0

//! Accepting connections: drivers do so by requests of `WskAccept` or in `WskAcceptEvent`.

use windows_sys::Win32::Foundation::{
    STATUS_CONNECTION_REFUSED, STATUS_REQUEST_NOT_ACCEPTED, STATUS_SUCCESS,
};

use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::network::events::{self, Call, Callbacks, Event};
use crate::network::listening::{Accept, Arrival};
use crate::network::remote::{self, Remote};
use crate::network::sockets::{self, Category, Socket};
use crate::network::streams::{self, Peer};
use crate::network::timing::{self, LONGEST};
use crate::network::{TAG, registrations, requests};

/// The arguments of `WskAcceptEvent` that are memory.
#[repr(C)]
struct Arguments {
    local: [u8; 32],
    remote: [u8; 32],
    context: usize,
    dispatch: usize,
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
        let Some((connecting, request)) = by_driver else {
            socket.stream.peer = Peer::Remote(Remote::Visitor(visits));
            remote::begin(state, at);
            return None;
        };
        socket.stream.peer = Peer::Socket(connecting);
        let enabled = sockets::static_events(state, connecting);
        let other = state.network.sockets.get_mut(connecting)?;
        other.stream.peer = Peer::Socket(at);
        other.stream.remote = local;
        other.callbacks.enabled |= enabled;
        let length = streams::begin(state, connecting, request);
        Some((request, length))
    });
    if let Some((request, length)) = connected {
        requests::complete(request, STATUS_SUCCESS, length);
    }
    with(|state| {
        let by = state.network.sockets.get(at).and_then(|it| it.by);
        timing::later(state, by, LONGEST, move || streams::hand_out(at));
    });
}

/// Completes a request of `WskAccept` with a connection.
pub(in crate::network) fn complete(at: usize, accept: Accept, arrival: &Arrival) {
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

/// A connection is not accepted.
pub(in crate::network) fn refuse(arrival: &Arrival) {
    if let Some((_, request)) = arrival.connecting {
        requests::complete(request, STATUS_CONNECTION_REFUSED, 0);
    }
}

/// Offers a connection to `WskAcceptEvent`.
pub(in crate::network) fn offer(at: usize, call: Call, arrival: &Arrival) {
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
