// SPDX-License-Identifier: MIT OR Apache-2.0

//! The Windows Filtering Platform: the objects that callout drivers have registered, added or
//! pended.

pub(crate) mod engine;
pub(crate) mod filters;
pub(crate) mod flows;
pub(crate) mod packets;
pub(crate) mod pending;

use std::ops::Range;

use engine::Engine;
use flows::Flows;
use packets::Packets;
use pending::Pending;

use crate::loader::drivers::{DriverId, Site};
use crate::scheduling::ThreadId;

/// A callout that is registered with the filter engine.
#[derive(Debug)]
pub(crate) struct Callout {
    /// Its run-time identifier.
    pub(crate) id: u32,
    pub(crate) key: u128,
    pub(crate) classify: usize,
    pub(crate) notify: usize,
    pub(crate) flow_delete: usize,
    /// The function that registered it.
    pub(crate) function: &'static str,
    /// The code that registered it.
    pub(crate) by: Option<Site>,
    /// The threads on which calls of its functions are under way.
    pub(crate) inside: Vec<ThreadId>,
    /// It is being unregistered: no call of its functions begins any more.
    pub(crate) ends: bool,
    /// `true` if a filter has named the callout.
    pub(crate) is_named: bool,
    /// The answer to the last attempt to unregister it was `STATUS_DEVICE_BUSY`.
    pub(crate) was_busy: bool,
}

/// A handle that a driver must give back.
#[derive(Debug)]
pub(crate) struct Owned {
    pub(crate) handle: usize,
    /// The function that returned it.
    pub(crate) function: &'static str,
    /// `true` if the context is the address of memory.
    pub(crate) is_memory: bool,
    /// The code that called that.
    pub(crate) by: Option<Site>,
}

/// The state of the platform in a cycle.
#[derive(Debug, Default)]
pub(crate) struct Wfp {
    pub(crate) callouts: Vec<Callout>,
    pub(crate) engine: Engine,
    pub(crate) flows: Flows,
    pub(crate) packets: Packets,
    pub(crate) pending: Pending,
    /// Handles that are not checked but for being given back.
    pub(crate) owned: Vec<Owned>,
    /// The contexts of redirected connections, which drivers have transferred to the platform.
    pub(crate) redirected: Vec<usize>,
    /// The filters for which callouts are called just now, each with the thread.
    pub(crate) filtering: Vec<(u64, ThreadId)>,
    /// The number of callouts that were registered.
    registered: u32,
    /// The number of handles that were given out.
    handles: usize,
    /// The number of threads that carry traffic.
    pub(crate) traffic: usize,
}

/// The numbers of callouts of Windows itself come first.
const FIRST_CALLOUT: u32 = 0x11A;

impl Wfp {
    /// A value that identifies an object of the engine.
    pub(crate) const fn next_handle(&mut self) -> usize {
        // No address of anything.
        const FIRST: usize = 0xFFFF_A00F_8000_0010;
        self.handles += 1;
        FIRST + 16 * self.handles
    }

    /// The run-time identifier of the next callout.
    pub(crate) const fn next_callout(&mut self) -> u32 {
        self.registered += 1;
        FIRST_CALLOUT + self.registered
    }

    /// Gives a handle out.
    pub(crate) fn own(&mut self, function: &'static str, by: Option<Site>) -> usize {
        let handle = self.next_handle();
        self.owned.push(Owned {
            handle,
            function,
            is_memory: false,
            by,
        });
        handle
    }

    /// Takes a handle back. Returns `false` if the function has not returned it.
    pub(crate) fn give_back(&mut self, function: &str, handle: usize) -> bool {
        let before = self.owned.len();
        self.owned
            .retain(|it| it.handle != handle || it.function != function);
        self.owned.len() < before
    }

    /// A callout that is registered, by its run-time identifier.
    pub(crate) fn callout(&mut self, id: u32) -> Option<&mut Callout> {
        self.callouts.iter_mut().find(|it| it.id == id)
    }

    /// The callout with a key, unless it is being unregistered.
    pub(crate) fn callout_of(&self, key: u128) -> Option<&Callout> {
        self.callouts.iter().find(|it| it.key == key && !it.ends)
    }

    /// The first thing that a driver has left in the engine, in words, and the code that made
    /// it.
    pub(crate) fn left_by(
        &self,
        driver: DriverId,
        image: &Range<usize>,
    ) -> Option<(&'static str, String, Option<Site>)> {
        let is_own = |by: Option<Site>| by.is_some_and(|by| by.driver == driver);
        let callout = self.callouts.iter().find(|it| {
            let functions = [it.classify, it.notify, it.flow_delete];
            is_own(it.by) || functions.iter().any(|function| image.contains(function))
        });
        if let Some(callout) = callout {
            let mut what = format!("a callout that {} registered", callout.function);
            if callout.was_busy {
                what += ": the answer to its unregistration was STATUS_DEVICE_BUSY, after which \
                         FwpsFlowRemoveContext0 must remove its contexts and the callout must be \
                         unregistered again, and it";
            }
            return Some(("0xCE", what, callout.by));
        }
        if let Some((what, by)) = self.pending.left_by(driver) {
            return Some(("leak", what.to_owned(), by));
        }
        if let Some((what, by)) = self.packets.left_by(driver) {
            return Some(("leak", what, by));
        }
        let owned = self.owned.iter().find(|it| is_own(it.by));
        if let Some(owned) = owned {
            let kind = if owned.is_memory {
                "memory"
            } else {
                "a handle"
            };
            let what = format!("{kind} that {} returned", owned.function);
            return Some(("leak", what, owned.by));
        }
        let session = self.engine.sessions.iter().find(|it| is_own(it.by))?;
        let (what, by) = match &session.transaction {
            Some(transaction) => (
                "a transaction that FwpmTransactionBegin0 began and nobody committed or aborted",
                transaction.by,
            ),
            None => (
                "a session with the filter engine that FwpmEngineOpen0 opened",
                session.by,
            ),
        };
        Some(("leak", what.to_owned(), by))
    }
}
