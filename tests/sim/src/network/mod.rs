// SPDX-License-Identifier: MIT OR Apache-2.0

//! The network: sockets of Winsock Kernel, and a loopback network behind them.
//!
//! Drivers of the same cycle reach each other by their ports. If no driver listens on a port, a
//! remote end answers; if a driver listens, remote ends connect to it. Durations, the size of the
//! pieces in which data arrives, and the way in which a connection ends are drawn from the cycle's
//! seed.
//!
//! The functions that drivers call are in `exports::wsk`. This folder records the objects that a
//! driver has not released or closed, each with the call that has created it.
//!
//! Reference: <https://learn.microsoft.com/windows-hardware/drivers/network/introduction-to-winsock-kernel>

mod accepting;
pub(crate) mod addresses;
pub(crate) mod buffers;
pub(crate) mod close;
pub(crate) mod datagrams;
pub(crate) mod events;
pub(crate) mod indications;
pub(crate) mod inspection;
pub(crate) mod listening;
pub(crate) mod registrations;
pub(crate) mod remote;
pub(crate) mod requests;
pub(crate) mod sockets;
pub(crate) mod streams;
pub(crate) mod timing;

use std::collections::BTreeMap;

use crate::loader::drivers::Site;
use registrations::Registrations;
use requests::Requests;
use sockets::Sockets;

/// The tag of the memory that drivers get from the network.
pub(crate) const TAG: u32 = u32::from_le_bytes(*b"Wsk ");

/// Something may have become possible for a socket: what has arrived is handed out.
pub(crate) fn hand_out(at: usize) {
    datagrams::hand_out(at);
    streams::hand_out(at);
    listening::hand_out(at);
}

/// The network of a cycle.
#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(crate) registrations: Registrations,
    pub(crate) requests: Requests,
    pub(crate) sockets: Sockets,
    /// The lists of addresses that drivers have not freed, each with the call that got it.
    pub(crate) resolved: BTreeMap<usize, Option<Site>>,
    /// The cached security descriptors that drivers have not released, each with the call that
    /// cached it.
    pub(crate) descriptors: BTreeMap<usize, Option<Site>>,
}

impl Network {
    /// Returns `true` if memory of drivers may hold what the network uses: a registration, or
    /// the buffer of a request.
    pub(crate) fn knows_memory(&self) -> bool {
        !(self.registrations.is_empty() && self.requests.is_empty())
    }
}
