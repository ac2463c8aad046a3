// SPDX-License-Identifier: MIT OR Apache-2.0

//! A breach of one of NMR's rules.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use nmr::abi::GUID;

use crate::host::{BindingId, Event, RegistrationId, Side};

/// An event of a binding's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When, as [`Host::now`](crate::host::Host::now) tells the time.
    pub time: u64,
    /// On which thread.
    pub thread: u64,
    /// What.
    pub event: Event,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} thread {} {}", self.time, self.thread, self.event)
    }
}

/// A breach of a rule, seen by the registrar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The number of the rule: 22 for R22.
    pub rule: u8,
    /// What happened, in one sentence.
    pub what: String,
    /// The side that broke it.
    pub side: Side,
    /// Its registration, where one is known.
    pub registration: Option<RegistrationId>,
    /// Its `ModuleId`, where it is known and a GUID.
    pub module: Option<GUID>,
    /// The binding, where one is concerned.
    pub binding: Option<BindingId>,
    /// An address in the module that broke it (one of its callbacks), 0 where
    /// none is known.
    pub code: usize,
    /// The thread that broke it, as [`Host::thread`](crate::host::Host::thread)
    /// numbers them.
    pub thread: u64,
    /// The binding's last events, oldest first.
    pub history: Vec<Moment>,
}

impl fmt::Display for Finding {
    /// One line; the history is left to who wants it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "R{}: {} ({:?}", self.rule, self.what, self.side)?;
        if let Some(RegistrationId(id)) = self.registration {
            write!(f, ", registration {id}")?;
        }
        if let Some(BindingId(id)) = self.binding {
            write!(f, ", binding {id}")?;
        }
        if let Some(id) = self.module {
            write!(f, ", module {id}")?;
        }
        write!(f, ", code {:#x}, thread {})", self.code, self.thread)
    }
}
