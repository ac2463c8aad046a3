// SPDX-License-Identifier: MIT OR Apache-2.0

//! An NPI as a watcher of calls sees it: what the entries of its tables are
//! called and which of them answer later.
//!
//! A dispatch table starts with 8 bytes, the first two of which are the size of
//! the table; function pointers fill the rest.

/// The two dispatch tables of an NPI.
#[derive(Debug)]
pub struct Npi {
    /// What the client calls.
    pub provider: &'static [Entry],
    /// What the provider calls.
    pub client: &'static [Entry],
}

/// One function of a dispatch table.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// A call that answers `STATUS_PENDING` stays in flight until the peer
    /// calls a function that [completes](Self::completes).
    pub pends: bool,
    /// Each call ends one call in the other direction that had pended.
    pub completes: bool,
}

impl Entry {
    const fn plain(name: &'static str) -> Self {
        Self {
            name,
            pends: false,
            completes: false,
        }
    }
}

/// The NPI that the pair speaks.
pub const ECHO: Npi = Npi {
    provider: &[
        Entry {
            pends: true,
            ..Entry::plain("submit")
        },
        Entry::plain("cancel"),
        Entry::plain("query_statistics"),
    ],
    client: &[
        Entry {
            completes: true,
            ..Entry::plain("complete")
        },
        Entry::plain("notify"),
    ],
};
