// SPDX-License-Identifier: MIT OR Apache-2.0

//! Net buffer lists, and the handles with which callouts inject them.

use super::flows::Connection;
use crate::loader::drivers::{DriverId, Site};
use crate::scheduling::ThreadId;

/// Whose a net buffer list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The network stack's.
    Stack,
    /// A driver's, from `FwpsAllocateCloneNetBufferList0`.
    Clone,
    /// A driver's, from `FwpsAllocateNetBufferAndNetBufferList0`.
    Allocated,
}

impl Origin {
    /// What it is, in findings about what is left.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Stack => "a reference from FwpsReferenceNetBufferList0",
            Self::Clone => "a clone from FwpsAllocateCloneNetBufferList0",
            Self::Allocated => "a net buffer list from FwpsAllocateNetBufferAndNetBufferList0",
        }
    }
}

/// A net buffer list.
#[derive(Debug)]
pub(crate) struct Packet {
    /// The address of the `NET_BUFFER_LIST`.
    pub(crate) at: usize,
    pub(crate) origin: Origin,
    /// The list of which it is a clone.
    pub(crate) parent: Option<usize>,
    /// The owner's reference and those of clones.
    pub(crate) references: usize,
    /// The references of drivers, and the code that took each.
    pub(crate) held: Vec<Option<Site>>,
    /// The code that allocated it.
    pub(crate) by: Option<Site>,
    /// The code that injected it, until the injection is complete.
    pub(crate) injected: Option<Site>,
    /// The handles with which it and the lists that it is a clone of were injected.
    pub(crate) handles: Vec<usize>,
    /// The context of its last injection.
    pub(crate) context: usize,
    /// The number of header bytes before the data at which the packet currently starts.
    pub(crate) shown: u32,
    /// The inbound connection that a callout has pended and that the injection of the packet
    /// completes.
    pub(crate) completes: Option<Connection>,
}

/// A handle for injections.
#[derive(Debug)]
pub(crate) struct Injection {
    pub(crate) handle: usize,
    pub(crate) is_v6: bool,
    /// The types of data that are injected with it.
    pub(crate) types: u32,
    /// The code that created it.
    pub(crate) by: Option<Site>,
    /// The threads that carry its injections out.
    pub(crate) under_way: Vec<ThreadId>,
    /// It is being destroyed.
    pub(crate) ends: bool,
}

/// The packets of a cycle.
#[derive(Debug, Default)]
pub(crate) struct Packets {
    pub(crate) all: Vec<Packet>,
    pub(crate) injections: Vec<Injection>,
    /// The lists that drivers freed, and the handles that they destroyed, with the code that
    /// did it.
    pub(crate) gone: Vec<(usize, Option<Site>)>,
    /// The number of bytes by which each call of `classifyFn` in progress has moved the start of
    /// data: the thread, the buffer, and the bytes.
    pub(crate) moved: Vec<(ThreadId, usize, i64)>,
}

impl Packets {
    /// Records that `thread` moves the start of a buffer's data, towards the end if `by` is
    /// positive.
    pub(crate) fn note_move(&mut self, thread: ThreadId, buffer: usize, by: i64) {
        let mut all = self.moved.iter_mut().rev();
        if let Some(moved) = all.find(|it| it.0 == thread && it.1 == buffer) {
            moved.2 += by;
        }
    }

    pub(crate) fn get(&mut self, at: usize) -> Option<&mut Packet> {
        self.all.iter_mut().find(|it| it.at == at)
    }

    pub(crate) fn injection(&mut self, handle: usize) -> Option<&mut Injection> {
        self.injections.iter_mut().find(|it| it.handle == handle)
    }

    /// The code that freed a list, or destroyed a handle.
    pub(crate) fn gone(&self, what: usize) -> Option<Site> {
        let mut gone = self.gone.iter().rev();
        gone.find(|it| it.0 == what)?.1
    }

    /// What a driver has left, in words, and the code that made it.
    pub(crate) fn left_by(&self, driver: DriverId) -> Option<(String, Option<Site>)> {
        let is_own = |by: &Option<Site>| by.is_some_and(|by| by.driver == driver);
        let list = self.all.iter().find(|it| is_own(&it.by));
        if let Some(list) = list {
            return Some((list.origin.name().to_owned(), list.by));
        }
        let mut held = self.all.iter().flat_map(|it| &it.held);
        if let Some(by) = held.find(|by| is_own(by)) {
            return Some((Origin::Stack.name().to_owned(), *by));
        }
        let handle = self.injections.iter().find(|it| is_own(&it.by))?;
        let what = "an injection handle that FwpsInjectionHandleCreate0 created";
        Some((what.to_owned(), handle.by))
    }
}
