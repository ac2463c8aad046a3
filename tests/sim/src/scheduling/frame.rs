// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls between modules in progress on a thread.

use std::fmt;

use nmr::abi::{NPIID, STATUS_PENDING};
use npi_description::{self as description, Function, NpiId};
use registrar::host::{BindingId, Side};

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
    /// The function `target`, through an entry of a dispatch table.
    Dispatch {
        driver: DriverId,
        through: TableEntry,
        target: usize,
    },
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
    /// Its first argument.
    pub(crate) first: usize,
    /// The number of the request that it makes or completes, if it does.
    pub(crate) request: Option<u64>,
    /// The callee has raised an exception: its caller goes on in a handler.
    pub(crate) raises: bool,
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
            Self::Dispatch { through, .. } => match through.binding {
                Some(binding) => format!("{through} of binding {}", binding.0),
                None => through.to_string(),
            },
        }
    }
}

/// The side of a description that a side of a binding is.
pub(crate) const fn described_side(side: Side) -> description::Side {
    match side {
        Side::Provider => description::Side::Provider,
        Side::Client => description::Side::Client,
    }
}

/// An entry of a dispatch table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TableEntry {
    /// The binding for which the table was handed over; `None` if it is one of several.
    pub(crate) binding: Option<BindingId>,
    pub(crate) npi: NPIID,
    pub(crate) owner: Side,
    /// Where in the table it is.
    offset: usize,
    /// `true` if the first argument is a context that the owner of the table has passed to no peer.
    pub(crate) astray: bool,
    /// Its description, if its NPI is described.
    pub(crate) function: Option<&'static Function>,
}

impl TableEntry {
    /// The entry at `offset` of the table of `owner`.
    pub(crate) fn new(binding: Option<BindingId>, npi: NPIID, owner: Side, offset: usize) -> Self {
        let described = description::find(NpiId(npi.to_u128()));
        let function = described.and_then(|npi| npi.function_at(described_side(owner), offset));
        Self {
            binding,
            npi,
            owner,
            offset,
            astray: false,
            function,
        }
    }

    pub(crate) fn completes(self) -> bool {
        self.function.is_some_and(Function::is_completion)
    }

    pub(crate) fn pends(self) -> bool {
        self.function.is_some_and(Function::pends)
    }

    /// Returns `true` if a call of it that returns `result` has pended.
    pub(crate) fn has_pended(self, result: u64) -> bool {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an NTSTATUS is the low half"
        )]
        let status = result as u32;
        self.pends() && status.cast_signed() == STATUS_PENDING
    }
}

/// Its name.
impl fmt::Display for TableEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { owner, offset, .. } = self;
        match self.function {
            Some(function) => f.write_str(&function.name),
            None => write!(f, "the function at {offset:#x} of the {owner:?}'s table"),
        }
    }
}
