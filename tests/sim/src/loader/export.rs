// SPDX-License-Identifier: MIT OR Apache-2.0

//! The exports of the simulated kernel: functions and variables.

use crate::hardware::irql::{HIGH_LEVEL, Irql};

/// A function that drivers can import.
#[derive(Debug)]
pub(crate) struct Export {
    /// The image that exports it.
    pub(crate) module: &'static str,
    pub(crate) name: &'static str,
    /// The highest IRQL at which it may be called.
    pub(crate) max_irql: Irql,
    /// How many bytes of `rax` its result has; the others are no promise.
    result: usize,
    /// Null for a variable.
    code: *const (),
}

impl Export {
    /// A function that no image exports, or not by a table of this module.
    pub(crate) const fn function(
        module: &'static str,
        name: &'static str,
        max_irql: Irql,
        result: usize,
        code: *const (),
    ) -> Self {
        Self {
            module,
            name,
            max_irql,
            result,
            code,
        }
    }

    /// A variable of the kernel image.
    pub(crate) const fn variable(name: &'static str) -> Self {
        Self {
            module: "ntoskrnl.exe",
            name,
            max_irql: HIGH_LEVEL,
            result: 0,
            code: std::ptr::null(),
        }
    }

    /// Returns `true` if drivers import its address to read what is there.
    pub(crate) const fn is_variable(&self) -> bool {
        self.code.is_null()
    }

    /// Returns `true` for what compilers call in a way of their own: it is called without a thunk.
    pub(crate) fn is_bare(&self) -> bool {
        self.name == "__chkstk"
    }

    pub(crate) fn address(&self) -> usize {
        self.code.addr()
    }

    /// Returns the status in this `result`, if the function returns a status and it is a failure.
    pub(crate) fn failure(&self, result: u64) -> Option<i32> {
        let status = u32::try_from(result).ok()?.cast_signed();
        (self.result == size_of::<i32>() && status < 0).then_some(status)
    }

    /// What of `rax` is its result.
    pub(crate) fn result(&self, rax: u64) -> u64 {
        match self.result {
            0 => 0,
            bytes => rax & (u64::MAX >> (64 - 8 * bytes)),
        }
    }
}
