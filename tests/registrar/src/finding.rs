// SPDX-License-Identifier: MIT OR Apache-2.0

//! A breach of one of NMR's rules.

use alloc::string::String;

use crate::host::{BindingId, RegistrationId, Side};

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
    /// The binding, where one is concerned.
    pub binding: Option<BindingId>,
    /// An address in the module that broke it (one of its callbacks), 0 where
    /// none is known.
    pub code: usize,
    /// The thread that broke it, as [`Host::thread`](crate::host::Host::thread)
    /// numbers them.
    pub thread: u64,
}
