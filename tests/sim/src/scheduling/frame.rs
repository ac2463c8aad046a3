// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls between modules that are under way on a thread.

use std::fmt;

use registrar::host::{BindingId, Side};
use scenarios::{Entry, Npi};

use crate::hardware::irql::Irql;
use crate::hardware::registers::Registers;
use crate::loader::drivers::DriverId;
use crate::loader::export::Export;

/// The callee of a call between modules, and its caller.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Callee {
    /// A driver's import.
    Import {
        driver: DriverId,
        export: &'static Export,
    },
    /// An entry of a dispatch table.
    Dispatch { through: TableEntry, target: usize },
}

/// A call under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) call: Callee,
    /// The return address.
    pub(crate) home: usize,
    /// At which it was made.
    pub(crate) irql: Irql,
    /// The caller's registers when it has returned.
    pub(crate) registers: Registers,
    /// Its second argument, if it has one.
    pub(crate) second: usize,
}

impl Callee {
    /// What of `rax` is the result.
    pub(crate) fn result(self, rax: u64) -> u64 {
        match self {
            Self::Import { export, .. } => export.result(rax),
            Self::Dispatch { .. } => rax,
        }
    }

    /// The callee.
    pub(crate) fn target(self) -> String {
        match self {
            Self::Import { export, .. } => export.name.to_owned(),
            Self::Dispatch { through, .. } => {
                format!("{through} of binding {}", through.binding.0)
            }
        }
    }
}

/// An entry of a dispatch table, as it was given to the peer of its owner.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TableEntry {
    pub(crate) binding: BindingId,
    pub(crate) owner: Side,
    index: usize,
    /// What is known of it.
    pub(crate) entry: Option<&'static Entry>,
}

impl TableEntry {
    /// Entry `index` of the table of `owner`.
    pub(crate) fn new(
        binding: BindingId,
        npi: Option<&'static Npi>,
        owner: Side,
        index: usize,
    ) -> Self {
        let table = |npi: &'static Npi| match owner {
            Side::Client => npi.client,
            Side::Provider => npi.provider,
        };
        Self {
            binding,
            owner,
            index,
            entry: npi.and_then(|npi| table(npi).get(index)),
        }
    }

    pub(crate) fn completes(self) -> bool {
        self.entry.is_some_and(|entry| entry.completes)
    }

    pub(crate) fn pends(self) -> bool {
        self.entry.is_some_and(|entry| entry.pends)
    }
}

/// Its name.
impl fmt::Display for TableEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry {
            Some(entry) => f.write_str(entry.name),
            None => write!(f, "entry {} of the {:?}'s table", self.index, self.owner),
        }
    }
}
