// SPDX-License-Identifier: MIT OR Apache-2.0

//! Closing a socket: its requests are cancelled, and it ends when no callback of it is under
//! way.

use scenarios::NetworkRule;
use windows_sys::Win32::Foundation::{STATUS_CANCELLED, STATUS_PENDING, STATUS_SUCCESS};

use crate::findings::caller::caller;
use crate::findings::stop;
use crate::kernel::{State, with};
use crate::network::{registrations, requests, sockets, streams, timing};
use crate::scheduling::{Waitable, block};

/// Begins to close a socket; `irp` is complete when it is closed.
pub(crate) fn begin(at: usize, irp: usize) -> i32 {
    if let Some((function, thread)) = with(|state| sockets::call_in_progress(state, at)) {
        let what = format!(
            "WskCloseSocket was called while thread {thread} is in {function} for the same socket"
        );
        stop(NetworkRule::Close, what);
    }
    let kept = with(|state| {
        let kept = &state.network.sockets.get(at)?.kept;
        let by = kept
            .values()
            .next()?
            .map(|by| state.loader.drivers.show(by));
        Some(by.unwrap_or_else(|| "an event callback".to_owned()))
    });
    if let Some(by) = kept {
        let what = format!(
            "WskCloseSocket was called before WskRelease for a data indication that {by} has kept \
             by returning STATUS_PENDING: for a socket that is closed there is no WskRelease"
        );
        stop(NetworkRule::Indications, what);
    }
    let registration = with(|state| Some(state.network.sockets.get(at)?.registration));
    let registration = registration.unwrap_or_default();
    let request = requests::take(irp, "WskCloseSocket", registration, None);
    let cancelled = with(|state| {
        let by = caller(state);
        if let Some(socket) = state.network.sockets.get_mut(at) {
            socket.closing = by.or(socket.by);
        }
        streams::hang_up(state, at);
        state.network.requests.of(at)
    });
    let at_once = with(|state| {
        let idle = cancelled.is_empty() && !is_called_back(state, at);
        idle && timing::once_in(state, 3)
    });
    if at_once {
        with(|state| end(state, at, registration));
        return requests::complete_now(request, STATUS_SUCCESS, 0);
    }
    let body = move || {
        for cancelled in cancelled {
            requests::complete(cancelled, STATUS_CANCELLED, 0);
        }
        while with(|state| is_called_back(state, at)) {
            block(Waitable::Object(at), None);
        }
        with(|state| end(state, at, registration));
        requests::complete(request, STATUS_SUCCESS, 0);
    };
    with(|state| {
        let by = caller(state);
        timing::surely(state, by, body);
    });
    STATUS_PENDING
}

/// Returns `true` if a callback of a socket is under way, or a completion routine of a request.
fn is_called_back(state: &State, at: usize) -> bool {
    let socket = state.network.sockets.get(at);
    socket.is_some_and(|it| it.completing > 0 || !it.callbacks.inside.is_empty())
}

fn end(state: &mut State, at: usize, registration: usize) {
    sockets::remove(state, at);
    registrations::settle(state, registration);
}
