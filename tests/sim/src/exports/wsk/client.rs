// SPDX-License-Identifier: MIT OR Apache-2.0

//! The functions of `WSK_PROVIDER_DISPATCH`: making sockets, and what concerns all of them.

use scenarios::NetworkRule;
use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_PENDING, STATUS_SUCCESS,
};

use crate::exports::exports;
use crate::exports::wsk::client_control;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::network::events::Callbacks;
use crate::network::requests::Ticket;
use crate::network::sockets::{self, Category, Socket};
use crate::network::{addresses, requests, timing};
use crate::verifier::faults::{self, FaultKind};
use crate::verifier::stack_objects;

exports! {
    of "wsk":
    "WskSocket" <= DISPATCH_LEVEL => wsk_socket: i32;
}

/// The registration of a client that has captured the NPI. Ends the cycle if there is none.
pub(super) fn captured(client: usize, function: &str) -> usize {
    let found = with(|state| {
        let (at, one) = state.network.registrations.of_client(client)?;
        Some((at, one.captures.is_empty()))
    });
    match found {
        Some((at, false)) => at,
        Some((_, true)) => {
            let what = format!(
                "{function} was called after WskReleaseProviderNPI: the NPI is not captured any \
                 more"
            );
            stop(NetworkRule::Provider, what)
        }
        None => {
            let what = format!(
                "{function} was called with a client that WskCaptureProviderNPI has not returned"
            );
            stop(NetworkRule::Provider, what)
        }
    }
}

/// `SOCK_STREAM` and `SOCK_DGRAM`.
const STREAM: u16 = 1;
const DATAGRAM: u16 = 2;

unsafe extern "win64" fn wsk_socket(
    client: usize,
    family: u16,
    kind: u16,
    _protocol: u32,
    flags: u32,
    context: usize,
    dispatch: usize,
    _process: usize,
    _thread: usize,
    security: usize,
    irp: usize,
) -> i32 {
    const NAME: &str = "WskSocket";
    let registration = captured(client, NAME);
    client_control::check_cached(security, NAME);
    let request = requests::take(irp, NAME, registration, None);
    let category = Category::of(flags).filter(|it| match it {
        Category::Basic => true,
        Category::Datagram => kind == DATAGRAM,
        _ => kind == STREAM,
    });
    let Some(category) = category.filter(|_| addresses::length(family).is_some()) else {
        return requests::complete_now(request, STATUS_INVALID_PARAMETER, 0);
    };
    if with(|state| faults::fails(state, FaultKind::Network)) {
        return requests::complete_now(request, STATUS_INSUFFICIENT_RESOURCES, 0);
    }
    let by = with(|state| caller(state));
    run(request, by, move |state| {
        let callbacks = Callbacks {
            context,
            dispatch,
            ..Callbacks::default()
        };
        let socket = Socket::new(category, registration, by, family, callbacks);
        make(state, socket)
    })
}

/// Makes a socket. Returns the status of the request for it, and its address.
pub(super) fn make(state: &mut State, socket: Socket) -> (i32, usize) {
    let made = sockets::make(state, socket);
    made.map_or((STATUS_INSUFFICIENT_RESOURCES, 0), |at| {
        (STATUS_SUCCESS, at)
    })
}

/// Does what a request asks for and completes it, now or later. Returns its status, or
/// `STATUS_PENDING`.
pub(super) fn run(
    request: Ticket,
    by: Option<Site>,
    body: impl FnOnce(&mut State) -> (i32, usize) + Copy + 'static,
) -> i32 {
    let is_pending = with(|state| timing::once_in(state, 2));
    if is_pending {
        return run_later(request, by, move |state| {
            state.network.requests.get(request)?;
            Some(body(state))
        });
    }
    check_answers(request);
    let (status, information) = with(body);
    requests::complete_now(request, status, information)
}

/// Ends the cycle if what the completion of a request is written to lies in a dead frame.
fn check_answers(request: Ticket) {
    stack_objects::check_answers(request.irp);
}

/// The same later; `body` has no result if the request was cancelled. Returns `STATUS_PENDING`
/// unless there is no thread for it.
pub(super) fn run_later(
    request: Ticket,
    by: Option<Site>,
    body: impl FnOnce(&mut State) -> Option<(i32, usize)> + 'static,
) -> i32 {
    let is_pending = with(|state| {
        timing::later(state, by, timing::LONGEST, move || {
            check_answers(request);
            if let Some((status, information)) = with(body) {
                requests::complete(request, status, information);
            }
        })
    });
    if is_pending {
        return STATUS_PENDING;
    }
    requests::complete_now(request, STATUS_INSUFFICIENT_RESOURCES, 0)
}
