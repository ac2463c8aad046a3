// SPDX-License-Identifier: MIT OR Apache-2.0

//! Sockets: the kind, the owner and the state of each.

use std::collections::BTreeMap;

use scenarios::NetworkRule;

use crate::findings::stop;
use crate::kernel::{State, with};
use crate::loader::drivers::Site;
use crate::network::addresses::Address;
use crate::network::datagrams::Datagrams;
use crate::network::events::Callbacks;
use crate::network::listening::Listening;
use crate::network::streams::Stream;
use crate::network::{TAG, indications};
use crate::scheduling::Waitable;
use crate::scheduling::clocks::Sync;
use crate::scheduling::frame::Callee;

/// What a socket is for: the flag that `WskSocket` was called with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    Basic,
    Listen,
    Datagram,
    Connection,
    Stream,
}

impl Category {
    /// The category of the flags of `WskSocket`; `None` if they contradict each other.
    pub(crate) const fn of(flags: u32) -> Option<Self> {
        match flags {
            0 => Some(Self::Basic),
            1 => Some(Self::Listen),
            2 => Some(Self::Connection),
            4 => Some(Self::Datagram),
            8 => Some(Self::Stream),
            _ => None,
        }
    }

    /// What it is in words.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Basic => "a basic socket",
            Self::Listen => "a listening socket",
            Self::Datagram => "a datagram socket",
            Self::Connection => "a connection-oriented socket",
            Self::Stream => "a stream socket",
        }
    }
}

/// A socket, from the function that makes it to the end of its close.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) category: Category,
    /// Its registration.
    pub(crate) registration: usize,
    /// The code that made it.
    pub(crate) by: Option<Site>,
    pub(crate) family: u16,
    pub(crate) local: Option<Address>,
    /// The call of `WskCloseSocket`, once there is one.
    pub(crate) closing: Option<Site>,
    pub(crate) callbacks: Callbacks,
    /// How many requests are complete whose completion routines have not returned.
    pub(in crate::network) completing: usize,
    /// The data indications that its driver keeps, each with the callback that kept it.
    pub(crate) kept: BTreeMap<usize, Option<Site>>,
    /// The indications that are being passed to a callback, each with the code that has released it
    /// meanwhile: another thread may do so if the callback then returns `STATUS_PENDING`.
    pub(crate) shown: BTreeMap<usize, Option<Site>>,
    pub(crate) datagrams: Datagrams,
    pub(crate) stream: Stream,
    pub(crate) listening: Listening,
}

impl Socket {
    /// A socket that is not bound.
    pub(crate) fn new(
        category: Category,
        registration: usize,
        by: Option<Site>,
        family: u16,
        callbacks: Callbacks,
    ) -> Self {
        Self {
            category,
            registration,
            by,
            family,
            local: None,
            closing: None,
            callbacks,
            completing: 0,
            kept: BTreeMap::new(),
            shown: BTreeMap::new(),
            datagrams: Datagrams::default(),
            stream: Stream::default(),
            listening: Listening::default(),
        }
    }
}

/// The sockets of a cycle, by the address of their `WSK_SOCKET`.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    all: BTreeMap<usize, Socket>,
    /// The calls that closed those that are gone.
    closed: BTreeMap<usize, Site>,
    /// The last port that was drawn.
    last_port: u16,
}

impl Sockets {
    pub(crate) fn get(&self, at: usize) -> Option<&Socket> {
        self.all.get(&at)
    }

    /// The same, to change it.
    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut Socket> {
        self.all.get_mut(&at)
    }

    /// The first socket of a registration.
    pub(crate) fn first_of(&self, registration: usize) -> Option<&Socket> {
        let mut all = self.all.values();
        all.find(|one| one.registration == registration)
    }

    /// The socket with a local port that `wanted` chooses.
    pub(crate) fn find(&self, wanted: impl Fn(&Socket) -> bool) -> Option<(usize, &Socket)> {
        let mut all = self.all.iter();
        let (&at, one) = all.find(|(_, one)| one.closing.is_none() && wanted(one))?;
        Some((at, one))
    }

    /// The sockets of a registration.
    pub(crate) fn of(&self, registration: usize) -> impl Iterator<Item = (usize, &Socket)> {
        let all = self.all.iter().map(|(&at, one)| (at, one));
        all.filter(move |(_, one)| one.registration == registration)
    }

    /// A port that no socket has.
    pub(crate) fn free_port(&mut self) -> u16 {
        const FIRST: u16 = 49152;
        self.last_port = FIRST.max(self.last_port.wrapping_add(1));
        self.last_port
    }
}

/// Makes a socket. Returns the address of its `WSK_SOCKET`; `None` if there is no memory.
pub(crate) fn make(state: &mut State, socket: Socket) -> Option<usize> {
    let at = state.memory.pool.allocate(16, TAG, true, None)?;
    if let Some(by) = socket.by {
        state.record_role(by.driver, "a Winsock Kernel application");
    }
    let registration = state.network.registrations.get(socket.registration)?;
    let tables = registration.tables;
    let table = match socket.category {
        Category::Basic => tables.basic,
        Category::Listen => tables.listen,
        Category::Datagram => tables.datagram,
        Category::Connection => tables.connection,
        Category::Stream => tables.stream,
    };
    // SAFETY: the memory was just allocated for a `WSK_SOCKET`, which is one address.
    unsafe { (at as *mut usize).write(table) };
    let sockets = &mut state.network.sockets;
    sockets.closed.remove(&at);
    sockets.all.insert(at, socket);
    Some(at)
}

/// The events that the driver of a socket has enabled for all of its sockets.
pub(crate) fn static_events(state: &State, at: usize) -> u32 {
    let registrations = &state.network.registrations;
    let socket = state.network.sockets.get(at);
    let registration = socket.and_then(|socket| registrations.get(socket.registration));
    registration.map_or(0, |one| one.static_events)
}

/// A callback or a completion routine of a socket has returned: its close may go on, and comes
/// after that.
pub(in crate::network) fn release(state: &mut State, at: usize) {
    state.scheduling.release(Sync::Object(at));
    state.scheduling.wake_all(Waitable::Object(at));
}

/// Frees a socket whose close ends.
pub(in crate::network) fn remove(state: &mut State, at: usize) {
    let sockets = &mut state.network.sockets;
    let Some(socket) = sockets.all.remove(&at) else {
        return;
    };
    state.scheduling.acquire(Sync::Object(at));
    let by = socket.closing;
    sockets.closed.extend(by.map(|by| (at, by)));
    for (indication, by) in socket.kept {
        indications::free(state, indication, by);
    }
    let _ = state.memory.pool.free(at, TAG, by);
}

/// Ends the cycle unless a driver may call `function` for this socket. Returns its category.
pub(crate) fn check(at: usize, function: &str, allowed: &[Category]) -> Category {
    match with(|state| look_up(state, at, function, allowed)) {
        Ok(category) => category,
        Err(what) => stop(NetworkRule::Socket, what),
    }
}

fn look_up(
    state: &State,
    at: usize,
    function: &str,
    allowed: &[Category],
) -> Result<Category, String> {
    let sockets = &state.network.sockets;
    let closed = match sockets.get(at) {
        Some(socket) if socket.closing.is_none() => {
            let category = socket.category;
            return if allowed.contains(&category) {
                Ok(category)
            } else {
                let name = category.name();
                Err(format!(
                    "{function} was called for {name}, which has no such function"
                ))
            };
        }
        Some(socket) => socket.closing,
        None => sockets.closed.get(&at).copied(),
    };
    let Some(closed) = closed else {
        return Err(format!("{function} was called for what is no socket"));
    };
    let by = state.loader.drivers.show(closed);
    Err(match function {
        "WskCloseSocket" => format!("a socket was closed twice, at {by} before"),
        _ => format!("{function} was called for a socket after WskCloseSocket, at {by}"),
    })
}

/// The function of a socket that another thread is in the call of.
pub(crate) fn call_in_progress(state: &State, at: usize) -> Option<(&'static str, String)> {
    let current = state.scheduling.current_id();
    for (index, thread) in state.scheduling.threads().iter().enumerate() {
        for frame in &thread.frames {
            if let Callee::Import { export, .. } = frame.call
                && index != current.0
                && frame.first == at
                && export.module == "wsk"
            {
                return Some((export.name, thread.name.clone()));
            }
        }
    }
    None
}
