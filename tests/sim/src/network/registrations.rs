// SPDX-License-Identifier: MIT OR Apache-2.0

//! Registrations of drivers with Winsock Kernel: what each has captured, and what keeps
//! `WskDeregister` from its end.

use std::collections::BTreeMap;
use std::ops::Range;

use scenarios::NetworkRule;

use crate::kernel::State;
use crate::loader::drivers::{DriverId, Site};
use crate::network::TAG;
use crate::scheduling::{ThreadId, Waitable};

/// The provider's dispatch tables of a driver, by address.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tables {
    pub(crate) provider: usize,
    pub(crate) basic: usize,
    pub(crate) listen: usize,
    pub(crate) datagram: usize,
    pub(crate) connection: usize,
    pub(crate) stream: usize,
}

/// A registration, from `WskRegister` to the return of `WskDeregister`.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) driver: DriverId,
    /// The call that made it.
    pub(crate) by: Option<Site>,
    /// The client's dispatch table.
    pub(crate) dispatch: usize,
    /// What drivers know as `PWSK_CLIENT`: the memory that the tables are in.
    pub(crate) client: usize,
    pub(crate) tables: Tables,
    /// The calls that have captured the provider's NPI, without those that are released.
    pub(crate) captures: Vec<Option<Site>>,
    /// The call of `WskDeregister`, once there is one.
    pub(crate) ends: Option<Site>,
    /// The event callbacks that are enabled on each new socket.
    pub(crate) static_events: u32,
    /// Requests that are not complete, or whose completion routine has not returned.
    requests: usize,
    /// The threads on which callbacks of the driver are under way.
    pub(in crate::network) inside: Vec<ThreadId>,
}

/// The registrations of a cycle, by the address of their `WSK_REGISTRATION`.
#[derive(Debug, Default)]
pub(crate) struct Registrations {
    all: BTreeMap<usize, Registration>,
    /// The calls that have deregistered those that are gone.
    ended: BTreeMap<usize, Site>,
}

impl Registrations {
    /// Returns `true` if there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Adds the registration at `at`.
    pub(crate) fn add(&mut self, at: usize, driver: DriverId, by: Option<Site>, dispatch: usize) {
        self.ended.remove(&at);
        let new = Registration {
            driver,
            by,
            dispatch,
            client: 0,
            tables: Tables::default(),
            captures: Vec::new(),
            ends: None,
            static_events: 0,
            requests: 0,
            inside: Vec::new(),
        };
        self.all.insert(at, new);
    }

    /// The registration at `at`.
    pub(crate) fn get(&self, at: usize) -> Option<&Registration> {
        self.all.get(&at)
    }

    /// The same, to change it.
    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut Registration> {
        self.all.get_mut(&at)
    }

    /// The registration whose client has this value, and its address.
    pub(crate) fn of_client(&self, client: usize) -> Option<(usize, &Registration)> {
        let mut all = self.all.iter();
        let (&at, one) = all.find(|(_, one)| one.client == client && client != 0)?;
        Some((at, one))
    }

    /// The call that deregistered what was at `at`, if that is over.
    pub(crate) fn ended(&self, at: usize) -> Option<Site> {
        self.ended.get(&at).copied()
    }

    /// The call that made the first registration in `memory`.
    pub(crate) fn within(&self, memory: &Range<usize>) -> Option<Site> {
        let (_, one) = self.all.range(memory.clone()).next()?;
        one.by
    }

    /// The address of the first registration of a driver.
    pub(crate) fn first_of(&self, driver: DriverId) -> Option<usize> {
        let mut all = self.all.iter();
        let (&at, _) = all.find(|(_, one)| one.driver == driver)?;
        Some(at)
    }

    /// The first registration that a driver has left.
    pub(crate) fn left_by(&self, driver: DriverId) -> Option<&Registration> {
        self.all.values().find(|one| one.driver == driver)
    }
}

/// Returns `true` if `WskDeregister` must wait.
pub(crate) fn is_busy(state: &State, at: usize) -> bool {
    let network = &state.network;
    let Some(one) = network.registrations.get(at) else {
        return false;
    };
    !one.captures.is_empty() || one.requests > 0 || network.sockets.first_of(at).is_some()
}

/// Ends a registration, for which nothing is left to wait.
pub(crate) fn end(state: &mut State, at: usize) {
    let registrations = &mut state.network.registrations;
    let Some(one) = registrations.all.remove(&at) else {
        return;
    };
    let by = one.ends;
    registrations.ended.extend(by.map(|by| (at, by)));
    if one.client != 0 {
        let _ = state.memory.pool.free(one.client, TAG, by);
    }
}

/// A request of a registration begins.
pub(crate) fn begin_request(state: &mut State, at: usize) {
    if let Some(one) = state.network.registrations.get_mut(at) {
        one.requests += 1;
    }
}

/// A request of a registration has ended, and so has its completion routine.
pub(crate) fn end_request(state: &mut State, at: usize) {
    if let Some(one) = state.network.registrations.get_mut(at) {
        one.requests = one.requests.saturating_sub(1);
    }
    settle(state, at);
}

/// A callback or completion routine of a registration has returned on the current thread.
pub(in crate::network) fn leave(state: &mut State, at: usize) {
    let current = state.scheduling.current_id();
    if let Some(one) = state.network.registrations.get_mut(at)
        && let Some(last) = one.inside.iter().rposition(|&it| it == current)
    {
        one.inside.remove(last);
    }
}

/// Returns `true` if the current thread is in a callback or completion routine of a
/// registration.
pub(crate) fn is_inside(state: &State, at: usize) -> bool {
    let current = state.scheduling.current_id();
    let one = state.network.registrations.get(at);
    one.is_some_and(|one| one.inside.contains(&current))
}

/// Lets `WskDeregister` look again.
pub(crate) fn settle(state: &mut State, at: usize) {
    state.scheduling.wake_all(Waitable::Object(at));
}

/// What keeps a `WskDeregister` from its end.
pub(crate) struct Missing {
    pub(crate) what: String,
    /// The call that has made it.
    pub(crate) by: Option<Site>,
    /// The rule that demands it, unless it is on its way.
    pub(crate) rule: Option<NetworkRule>,
}

/// What keeps the `WskDeregister` that waits for `at` from its end.
pub(crate) fn missing(state: &State, at: usize) -> Option<Missing> {
    let one = state.network.registrations.get(at)?;
    one.ends?;
    let shown = |by: Option<Site>| {
        by.map_or_else(|| "a driver".to_owned(), |by| state.loader.drivers.show(by))
    };
    if let Some(&by) = one.captures.first() {
        let what = format!(
            "WskReleaseProviderNPI for the NPI that {} has captured",
            shown(by)
        );
        let rule = Some(NetworkRule::Capture);
        return Some(Missing { what, by, rule });
    }
    if let Some(socket) = state.network.sockets.first_of(at) {
        let by = shown(socket.by);
        let (what, rule) = match socket.closing {
            Some(closed) => {
                let closed = shown(Some(closed));
                let what = format!(
                    "the end of the close of the socket that {by} has made, which {closed} closes"
                );
                (what, None)
            }
            None => (
                format!("WskCloseSocket for the socket that {by} has made"),
                Some(NetworkRule::OpenSockets),
            ),
        };
        let by = socket.by;
        return Some(Missing { what, by, rule });
    }
    None
}
