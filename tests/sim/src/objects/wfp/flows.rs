// SPDX-License-Identifier: MIT OR Apache-2.0

//! Data flows, and the contexts that callouts have associated with them.

use crate::scheduling::ThreadId;

/// A context of a callout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    pub(crate) layer: u16,
    pub(crate) callout: u32,
    pub(crate) value: u64,
    /// It is removed, and `flowDeleteFn` is called when no classification of the flow by the
    /// callout is under way.
    pub(crate) is_removed: bool,
}

/// What a connection is, or an exchange of datagrams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    pub(crate) is_v6: bool,
    pub(crate) is_tcp: bool,
    pub(crate) is_outbound: bool,
}

impl Connection {
    /// The local port and the remote one.
    pub(crate) const fn ports(self) -> [u16; 2] {
        if self.is_outbound {
            [50_123, 443]
        } else {
            [445, 50_321]
        }
    }

    /// The number of the protocol.
    pub(crate) const fn protocol(self) -> u8 {
        const TCP: u8 = 6;
        const UDP: u8 = 17;
        if self.is_tcp { TCP } else { UDP }
    }

    /// The length of the header of the transport protocol.
    pub(crate) const fn transport_header(self) -> u32 {
        if self.is_tcp { 20 } else { 8 }
    }

    /// The length of the header of the Internet protocol.
    pub(crate) const fn ip_header(self) -> u32 {
        if self.is_v6 { 40 } else { 20 }
    }
}

/// A connection that is established.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) id: u64,
    pub(crate) connection: Connection,
    pub(crate) contexts: Vec<Context>,
    /// The classifications that are under way: layer, callout and thread.
    pub(crate) inside: Vec<(u16, u32, ThreadId)>,
    /// It has ended, and is kept for what is under way.
    pub(crate) has_ended: bool,
}

/// The flows of a cycle.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    pub(crate) all: Vec<Flow>,
    /// The number of flows that there were.
    established: u64,
}

impl Flows {
    /// Establishes a flow. Returns its identifier.
    pub(crate) fn establish(&mut self, connection: Connection) -> u64 {
        self.established += 1;
        let id = 0x400 + self.established;
        self.all.push(Flow {
            id,
            connection,
            contexts: Vec::new(),
            inside: Vec::new(),
            has_ended: false,
        });
        id
    }

    pub(crate) fn get(&mut self, id: u64) -> Option<&mut Flow> {
        self.all.iter_mut().find(|it| it.id == id)
    }

    /// Returns `true` if a callout has a context that is not deleted yet.
    pub(crate) fn has_contexts(&self, callout: u32) -> bool {
        let mut contexts = self.all.iter().flat_map(|flow| &flow.contexts);
        contexts.any(|it| it.callout == callout)
    }

    /// Forgets the flows of which nothing is left.
    pub(crate) fn sweep(&mut self) {
        let is_kept = |it: &Flow| !it.has_ended || !it.contexts.is_empty() || !it.inside.is_empty();
        self.all.retain(is_kept);
    }
}

impl Flow {
    /// The context of a callout at a layer.
    pub(crate) fn context(&mut self, layer: u16, callout: u32) -> Option<&mut Context> {
        let mut contexts = self.contexts.iter_mut();
        contexts.find(|it| it.layer == layer && it.callout == callout && !it.is_removed)
    }

    /// Takes a removed context that no classification uses any more.
    pub(crate) fn take_removed(&mut self) -> Option<Context> {
        let inside = &self.inside;
        let is_free = |it: &Context| {
            let mut uses = inside.iter();
            it.is_removed && !uses.any(|&(_, callout, _)| callout == it.callout)
        };
        let index = self.contexts.iter().position(is_free)?;
        Some(self.contexts.remove(index))
    }
}
