// SPDX-License-Identifier: MIT OR Apache-2.0

//! The I/O manager for control devices: files, requests and their completion.

pub(crate) mod buffers;
pub(crate) mod completion;
pub(crate) mod contract;
pub(crate) mod control;
pub(crate) mod files;
pub(crate) mod irp;
mod listed;
pub(crate) mod malformed;
pub(crate) mod mdl;
pub(crate) mod packets;
pub(crate) mod remove_lock;
pub(crate) mod requests;
pub(crate) mod shutdown;
mod switched;
pub(crate) mod travel;

use contract::Holds;
use files::Files;
use mdl::Mdls;
use packets::Packets;
use remove_lock::RemoveLocks;
use requests::Requests;
use shutdown::Shutdown;
use switched::Switches;

/// What the I/O manager keeps.
#[derive(Debug, Default)]
pub(crate) struct Io {
    pub(crate) files: Files,
    pub(crate) holds: Holds,
    pub(crate) mdls: Mdls,
    pub(crate) packets: Packets,
    pub(crate) remove_locks: RemoveLocks,
    pub(crate) requests: Requests,
    pub(crate) shutdown: Shutdown,
    switches: Switches,
}

impl Io {
    /// Returns `true` if memory of drivers may hold what the I/O manager knows: a request, an
    /// MDL with locked or mapped pages, or a remove lock.
    pub(crate) fn knows_memory(&self) -> bool {
        !(self.mdls.is_empty() && self.packets.is_empty() && self.remove_locks.is_empty())
    }
}
