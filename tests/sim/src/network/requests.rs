// SPDX-License-Identifier: MIT OR Apache-2.0

//! IRPs that drivers pass to functions of Winsock Kernel, until they are complete.

use std::collections::BTreeMap;
use std::ops::Range;

use scenarios::NetworkRule;
use windows_sys::Win32::Foundation::STATUS_CANCELLED;

use crate::findings::bug_check::Code;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::io::completion;
use crate::io::irp::{Irp, PENDING_RETURNED, stack_location};
use crate::io::packets::Origin;
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::network::buffers::Buffer;
use crate::network::{registrations, sockets, streams, timing};
use crate::verifier::faults;

/// A request, as long as its IRP is not passed for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) irp: usize,
    number: u64,
}

/// A request that is not complete.
#[derive(Debug)]
pub(crate) struct Request {
    number: u64,
    pub(crate) function: &'static str,
    /// The call that made it.
    pub(crate) by: Option<Site>,
    /// The registration that it belongs to.
    pub(crate) registration: usize,
    /// The socket, unless it makes one.
    pub(crate) socket: Option<usize>,
    pub(crate) buffer: Buffer,
    /// The socket that it makes and connects: its result, or gone if it fails.
    made: Option<usize>,
}

/// The requests of a cycle, by their IRPs.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    all: BTreeMap<usize, Request>,
    /// The number of the last one.
    last: u64,
}

impl Requests {
    /// Returns `true` if there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A request, if it is not complete.
    pub(crate) fn get(&self, ticket: Ticket) -> Option<&Request> {
        let found = self.all.get(&ticket.irp);
        found.filter(|one| one.number == ticket.number)
    }

    /// The requests of a socket.
    pub(crate) fn of(&self, socket: usize) -> Vec<Ticket> {
        let all = self.all.iter();
        let mine = all.filter(|(_, one)| one.socket == Some(socket));
        mine.map(|(&irp, one)| ticket(irp, one)).collect()
    }

    /// The requests of a function for a registration.
    pub(crate) fn for_function(&self, registration: usize, function: &str) -> Vec<Ticket> {
        let all = self.all.iter();
        let its =
            all.filter(|(_, one)| one.registration == registration && one.function == function);
        its.map(|(&irp, one)| ticket(irp, one)).collect()
    }

    /// The first request whose IRP or buffer is in `memory`.
    fn using(&self, memory: &Range<usize>) -> Option<&Request> {
        let in_memory =
            |irp: &usize, one: &Request| memory.contains(irp) || one.buffer.overlaps(memory);
        let mut all = self.all.iter();
        all.find(|(irp, one)| in_memory(irp, one))
            .map(|(_, one)| one)
    }

    /// The first request whose buffer an MDL describes.
    fn describing(&self, mdl: usize) -> Option<&Request> {
        self.all.values().find(|one| one.buffer.mdls.contains(&mdl))
    }
}

const fn ticket(irp: usize, request: &Request) -> Ticket {
    let number = request.number;
    Ticket { irp, number }
}

/// A request in words: `WskReceive, called at x.sys+0x12 Ask (x.c:12)`.
fn show(state: &State, request: &Request) -> String {
    let by = request.by.map(|by| state.loader.drivers.show(by));
    let function = request.function;
    by.map_or_else(
        || function.to_owned(),
        |by| format!("{function}, called at {by}"),
    )
}

/// The request that an IRP was passed for and that is not complete, in words.
pub(crate) fn holder(state: &State, irp: usize) -> Option<String> {
    let request = state.network.requests.all.get(&irp)?;
    Some(show(state, request))
}

/// The request that uses `memory`, in words.
pub(crate) fn user_of(state: &State, memory: &Range<usize>) -> Option<String> {
    let request = state.network.requests.using(memory)?;
    Some(show(state, request))
}

/// The request that uses the memory which an MDL describes, in words.
pub(crate) fn user_of_mdl(state: &State, mdl: usize) -> Option<String> {
    let request = state.network.requests.describing(mdl)?;
    Some(show(state, request))
}

/// What is wrong with passing an IRP to `function`.
fn breach(state: &State, irp: usize, function: &str) -> Option<(Code, String)> {
    let wrong = |what: String| {
        Some((
            Code::from(NetworkRule::Irps),
            format!("{function} was called {what}"),
        ))
    };
    if irp == 0 {
        return wrong("without an IRP".to_owned());
    }
    if let Some(holder) = holder(state, irp) {
        return wrong(format!(
            "with an IRP that is still pending: {holder}, has not completed it"
        ));
    }
    let packet = state.io.packets.get(irp).filter(|packet| packet.is_live);
    if packet.is_none() && state.io.requests.owed(irp).is_none() {
        let freed = state.io.packets.get(irp).and_then(|packet| packet.freed);
        return wrong(freed.map_or_else(
            || "with an address that is no IRP".to_owned(),
            |by| {
                let by = state.loader.drivers.show(by);
                format!("with an IRP that {by} has freed")
            },
        ));
    }
    if packet.is_some_and(|packet| packet.origin == Origin::Threaded) {
        return wrong("with an IRP of a thread, which the I/O manager frees".to_owned());
    }
    if packet.is_some()
        && let Some(holder) = state.io.packets.holder(irp)
    {
        let holder = state.loader.drivers.show(holder);
        return wrong(format!("with an IRP that {holder} still has"));
    }
    // SAFETY: a request that is not freed is in memory.
    if unsafe { (*(irp as *const Irp)).current_location } <= 1 {
        let what = format!("{function} was called with an IRP that has no stack location left");
        return Some((("0x35", [irp, 0, 0, 0]).into(), what));
    }
    None
}

/// Takes the IRP that a driver passes to a function. Ends the cycle if it must not.
pub(crate) fn take(
    irp: usize,
    function: &'static str,
    registration: usize,
    socket: Option<usize>,
) -> Ticket {
    take_with(irp, function, registration, socket, Buffer::default())
}

/// The same with the buffer of the request.
pub(crate) fn take_with(
    irp: usize,
    function: &'static str,
    registration: usize,
    socket: Option<usize>,
    buffer: Buffer,
) -> Ticket {
    if let Some((code, what)) = with(|state| breach(state, irp, function)) {
        stop(code, what);
    }
    with(|state| {
        let packet = irp as *mut Irp;
        // SAFETY: the request is in memory and has a stack location left, as was just checked.
        let number = unsafe {
            (*packet).current_location -= 1;
            let location = stack_location(packet).wrapping_sub(1);
            (*packet).current_stack_location = location.addr();
            (*location).control |= PENDING_RETURNED;
            (*packet).current_location
        };
        state.io.packets.lend(irp, number);
        registrations::begin_request(state, registration);
        let requests = &mut state.network.requests;
        requests.last += 1;
        let number = requests.last;
        let request = Request {
            number,
            function,
            by: caller(state),
            registration,
            socket,
            buffer,
            made: None,
        };
        state.network.requests.all.insert(irp, request);
        Ticket { irp, number }
    })
}

/// The request is complete in the call itself, which returns another status than
/// `STATUS_PENDING`. Returns that.
pub(crate) fn complete_now(ticket: Ticket, status: i32, information: usize) -> i32 {
    let packet = ticket.irp as *mut Irp;
    // SAFETY: a request that is not complete is in memory, at a stack location of its own.
    unsafe { (*stack_location(packet)).control &= !PENDING_RETURNED };
    complete(ticket, status, information);
    status
}

/// The result of a request will be the socket at `made`, which goes if the request fails.
pub(crate) fn make(state: &mut State, ticket: Ticket, made: usize) {
    let request = state.network.requests.all.get_mut(&ticket.irp);
    if let Some(request) = request.filter(|one| one.number == ticket.number) {
        request.made = Some(made);
    }
}

/// Cancels a request, if it is one of the network's that can be. It is complete later.
pub(crate) fn cancel(irp: usize) -> bool {
    let cancelled = with(|state| {
        let request = state.network.requests.all.get(&irp)?;
        let (by, function) = (request.by, request.function);
        let number = request.number;
        // SAFETY: a request that is not complete is in memory.
        unsafe { (*(irp as *mut Irp)).cancel = 1 };
        (function != "WskCloseSocket").then_some((by, Ticket { irp, number }))
    });
    cancelled.is_some_and(|(by, ticket)| {
        with(|state| {
            timing::later(state, by, timing::LONGEST, move || {
                complete(ticket, STATUS_CANCELLED, 0);
            })
        })
    })
}

/// Completes a request, unless it is complete.
pub(crate) fn complete(ticket: Ticket, status: i32, information: usize) {
    let irp = ticket.irp;
    let taken = with(|state| {
        state.network.requests.get(ticket)?;
        let request = state.network.requests.all.remove(&irp)?;
        let information = match request.made {
            Some(made) if status < 0 => {
                streams::hang_up(state, made);
                sockets::remove(state, made);
                0
            }
            made => made.unwrap_or(information),
        };
        let packet = irp as *mut Irp;
        // SAFETY: a request that is not complete is in memory: who frees it is stopped.
        unsafe {
            (*packet).status = status;
            (*packet).information = information;
        }
        let at = request.registration;
        let registration = state.network.registrations.get(at);
        let driver = registration.map(|one| one.driver);
        if status < 0
            && let Some(driver) = driver
        {
            // What the network does not do is no fault of the driver.
            faults::meet(state, driver);
        }
        let thread = state.scheduling.current_id();
        if let Some(registration) = state.network.registrations.get_mut(at) {
            registration.inside.push(thread);
        }
        let socket = request.socket;
        if let Some(socket) = socket.and_then(|at| state.network.sockets.get_mut(at)) {
            socket.completing += 1;
        }
        let current = state.scheduling.current_mut();
        let before = current.driver;
        current.driver = before.or(driver);
        state.trace(|_| format!("{} is complete, {status:#010x}", request.function));
        Some((at, socket, before))
    });
    let Some((registration, socket, before)) = taken else {
        return;
    };
    completion::complete(irp, |_| {});
    with(|state| {
        state.scheduling.current_mut().driver = before;
        if let Some(at) = socket {
            if let Some(socket) = state.network.sockets.get_mut(at) {
                socket.completing -= 1;
            }
            sockets::release(state, at);
        }
        registrations::leave(state, registration);
        registrations::end_request(state, registration);
    });
}
