// SPDX-License-Identifier: MIT OR Apache-2.0

//! Event callback functions of sockets: which are enabled, which are under way, and calling
//! them.

use scenarios::NetworkRule;

use crate::findings::stop_at;
use crate::hardware::irql::DISPATCH_LEVEL;
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::network::requests::Ticket;
use crate::network::sockets::{self, Category};
use crate::network::{registrations, requests};
use crate::scheduling::ThreadId;
use crate::verifier::driver_call;
use crate::verifier::routine::{EntryState, check_return};

/// An event of which a socket's driver can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Accept,
    Inspect,
    Abort,
    ReceiveFrom,
    Receive,
    Disconnect,
    SendBacklog,
}

impl Event {
    /// Its flag in the mask of `SO_WSK_EVENT_CALLBACK`; 0 if it is always enabled.
    pub(crate) const fn flag(self) -> u32 {
        match self {
            Self::SendBacklog => 0x10,
            Self::Receive => 0x40,
            Self::Disconnect => 0x80,
            Self::ReceiveFrom => 0x100,
            Self::Accept => 0x200,
            Self::Inspect | Self::Abort => 0,
        }
    }

    /// Its callback function.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Accept => "WskAcceptEvent",
            Self::Inspect => "WskInspectEvent",
            Self::Abort => "WskAbortEvent",
            Self::ReceiveFrom => "WskReceiveFromEvent",
            Self::Receive => "WskReceiveEvent",
            Self::Disconnect => "WskDisconnectEvent",
            Self::SendBacklog => "WskSendBacklogEvent",
        }
    }

    /// Its place in the client's dispatch table, in words of eight bytes.
    const fn place(self) -> usize {
        match self {
            Self::Accept | Self::ReceiveFrom | Self::Receive => 0,
            Self::Inspect | Self::Disconnect => 1,
            Self::Abort | Self::SendBacklog => 2,
        }
    }

    const fn is_of_listener(self) -> bool {
        matches!(self, Self::Accept | Self::Inspect | Self::Abort)
    }
}

/// The callbacks of a socket.
#[derive(Debug, Default)]
pub(crate) struct Callbacks {
    /// What its driver wants them to be called with.
    pub(crate) context: usize,
    /// The client's dispatch table, or 0.
    pub(crate) dispatch: usize,
    /// The flags of those that are enabled.
    pub(crate) enabled: u32,
    /// The calls that are under way.
    pub(crate) inside: Vec<(ThreadId, Event)>,
    /// The requests that disable an event, which wait for the calls of it.
    pub(crate) disabling: Vec<(Ticket, Event)>,
}

/// A call of a callback that has begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    socket: usize,
    registration: usize,
    event: Event,
    routine: usize,
    pub(crate) context: usize,
    /// The code that named the function.
    by: Option<Site>,
}

/// The function of a socket's driver for an event; `None` if there is none.
fn routine(state: &State, socket: usize, event: Event) -> Option<usize> {
    let socket = state.network.sockets.get(socket)?;
    let mut table = socket.callbacks.dispatch as *const usize;
    if table.is_null() {
        return None;
    }
    if socket.category == Category::Stream {
        let half = table.wrapping_add(usize::from(!event.is_of_listener()));
        // SAFETY: the client's table for a stream socket is two addresses, as documented.
        table = unsafe { half.read_unaligned() } as *const usize;
        if table.is_null() {
            return None;
        }
    }
    let place = table.wrapping_add(event.place());
    // SAFETY: the table has a place for this event, as documented.
    let routine = unsafe { place.read_unaligned() };
    (routine != 0).then_some(routine)
}

/// Begins a call, if the event is enabled and the socket is open.
pub(crate) fn enter(state: &mut State, socket: usize, event: Event) -> Option<Call> {
    let one = state.network.sockets.get(socket)?;
    let enabled = event.flag() == 0 || one.callbacks.enabled & event.flag() != 0;
    if one.closing.is_some() || !enabled {
        return None;
    }
    let call = Call {
        socket,
        registration: one.registration,
        event,
        routine: routine(state, socket, event)?,
        context: one.callbacks.context,
        by: one.by,
    };
    let current = state.scheduling.current_id();
    let one = state.network.sockets.get_mut(socket)?;
    one.callbacks.inside.push((current, event));
    if let Some(registration) = state.network.registrations.get_mut(call.registration) {
        registration.inside.push(current);
    }
    Some(call)
}

/// The function that a call is of.
pub(crate) fn site_of(state: &State, call: &Call) -> Option<Site> {
    state.loader.drivers.site(call.routine)
}

/// `WSK_FLAG_AT_DISPATCH_LEVEL`, if the thread is there.
pub(crate) fn level_flag(state: &State) -> usize {
    const AT_DISPATCH_LEVEL: usize = 0x8;
    let at_dispatch = state.scheduling.current().irql >= DISPATCH_LEVEL;
    if at_dispatch { AT_DISPATCH_LEVEL } else { 0 }
}

/// Makes a call that has begun. Returns the result and the function.
pub(crate) fn run(call: Call, arguments: &[usize]) -> (i32, Option<Site>) {
    let name = call.event.name();
    let before = EntryState::now();
    let (site, driver) = with(|state| {
        let site = state.loader.drivers.site(call.routine);
        let current = state.scheduling.current_mut();
        let before = current.driver;
        current.driver = before.or_else(|| site.map(|site| site.driver));
        (site, before)
    });
    // SAFETY: the driver's own function, with the arguments that are documented for it.
    let result = unsafe { driver_call::call(name, call.routine, call.by, arguments) };
    check_return(name, before, site);
    with(|state| state.scheduling.current_mut().driver = driver);
    (driver_call::status(result), site)
}

/// Ends a call.
pub(crate) fn leave(call: Call) {
    let complete = with(|state| {
        let current = state.scheduling.current_id();
        registrations::leave(state, call.registration);
        let mut complete = Vec::new();
        if let Some(socket) = state.network.sockets.get_mut(call.socket) {
            let Callbacks {
                inside, disabling, ..
            } = &mut socket.callbacks;
            if let Some(last) = inside.iter().rposition(|&it| it == (current, call.event)) {
                inside.remove(last);
            }
            let waits = |event: &Event| inside.iter().any(|(_, it)| it == event);
            disabling.retain(|(request, event)| {
                let waits = waits(event);
                complete.extend((!waits).then_some(*request));
                waits
            });
        }
        sockets::release(state, call.socket);
        complete
    });
    for request in complete {
        requests::complete(request, 0, 0);
    }
}

/// Ends the cycle: a callback function has returned what is not allowed.
pub(crate) fn wrong_result(event: Event, result: i32, site: Option<Site>) -> ! {
    let (name, result) = (event.name(), result.cast_unsigned());
    let what = format!("{name} returned {result:#010x}");
    stop_at(NetworkRule::Callbacks, what, site);
}
