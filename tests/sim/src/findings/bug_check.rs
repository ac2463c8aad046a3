// SPDX-License-Identifier: MIT OR Apache-2.0

//! Under which code a finding is known: a rule of NMR or Winsock Kernel, a bug check of Windows or
//! Driver Verifier with its four parameters, or a word where there is neither.
//!
//! Parameters are what Microsoft documents for each bug check
//! (<https://learn.microsoft.com/windows-hardware/drivers/debugger/bug-check-code-reference2>).
//! One that is documented but has no counterpart here, such as the contents of a
//! page table entry, is 0; a bug check has none at all where none are documented
//! for what happened.

use std::borrow::Cow;

use scenarios::NetworkRule;

use crate::findings::caller::caller;
use crate::hardware::irql::Irql;
use crate::hardware::trap::{Exception, ExceptionKind};
use crate::kernel::State;
use crate::loader::drivers::Site;

/// A code, with parameters if it is a bug check that has some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) name: Cow<'static, str>,
    pub(crate) parameters: Option<[usize; 4]>,
}

impl From<&'static str> for Code {
    fn from(name: &'static str) -> Self {
        Self {
            name: name.into(),
            parameters: None,
        }
    }
}

impl From<(&'static str, [usize; 4])> for Code {
    fn from((name, parameters): (&'static str, [usize; 4])) -> Self {
        Self {
            name: name.into(),
            parameters: Some(parameters),
        }
    }
}

impl From<NetworkRule> for Code {
    fn from(rule: NetworkRule) -> Self {
        rule.code().into()
    }
}

impl Code {
    /// A rule of NMR.
    pub(crate) fn rule(number: u8) -> Self {
        Self {
            name: format!("R{number}").into(),
            parameters: None,
        }
    }

    /// A bug check that a driver asks for.
    pub(crate) fn asked_for(code: u32, parameters: [usize; 4]) -> Self {
        Self {
            name: format!("{code:#X}").replace("0X", "0x").into(),
            parameters: Some(parameters),
        }
    }
}

/// A breach of the calling convention, of which Windows has no bug check.
pub(crate) const CONVENTION: &str = "convention";

/// An access to the stack frame of a function that has returned, which Windows does not see.
pub(crate) const DEAD_FRAME: &str = "dead-frame";

/// What the simulated kernel does not provide: no defect of the driver.
pub(crate) fn unsupported() -> Code {
    UNSUPPORTED.into()
}

const UNSUPPORTED: &str = "unsupported";

impl Code {
    /// Returns `true` if it stands for what the simulated kernel does not provide.
    pub(crate) fn is_unsupported(&self) -> bool {
        self.name == UNSUPPORTED
    }
}

/// `IRQL_UNEXPECTED_VALUE`.
pub(crate) fn unexpected_irql(now: Irql, expected: Irql) -> Code {
    /// Says which check of the kernel it was; 0 and 1 are those of APCs.
    const UNIQUE: usize = 2;
    let value = usize::from(now) << 16 | usize::from(expected) << 8 | UNIQUE;
    ("0xC8", [value, 0, 0, 0]).into()
}

impl Exception {
    /// What was done to the address, as most bug checks number it.
    pub(crate) const fn operation(&self) -> usize {
        match self.kind {
            ExceptionKind::Write => 1,
            ExceptionKind::Execute => 8,
            _ => 0,
        }
    }

    /// `PAGE_FAULT_IN_NONPAGED_AREA`, which has the processor's numbers for it.
    pub(crate) fn page_fault(&self) -> Code {
        let operation = match self.kind {
            ExceptionKind::Write => 0x2,
            ExceptionKind::Execute => 0x10,
            _ => 0,
        };
        ("0x50", [self.address, operation, self.rip, 0]).into()
    }

    /// A bug check with what was touched, how, and by which instruction.
    pub(crate) fn access(&self, name: &'static str) -> Code {
        (name, [self.address, self.operation(), self.rip, 0]).into()
    }

    /// `SYSTEM_THREAD_EXCEPTION_NOT_HANDLED`.
    pub(crate) fn unhandled(&self, status: i32) -> Code {
        ("0x7E", [exception(status), self.rip, 0, 0]).into()
    }
}

/// A status as a parameter.
const fn exception(status: i32) -> usize {
    status.cast_unsigned() as usize
}

/// The address of a place in a driver; 0 if it is not known.
pub(crate) fn address_of(state: &State, site: Option<Site>) -> usize {
    let at = |site: Site| Some(state.loader.drivers[site.driver].base + site.offset? as usize);
    site.and_then(at).unwrap_or_default()
}

/// `KMODE_EXCEPTION_NOT_HANDLED`, raised by the function that is called.
pub(crate) fn raised(state: &State, status: i32) -> Code {
    (
        "0x1E",
        [exception(status), address_of(state, caller(state)), 0, 0],
    )
        .into()
}
