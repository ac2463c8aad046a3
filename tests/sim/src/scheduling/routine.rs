// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls of drivers' routines by the kernel that are under way on a thread.

use std::borrow::Cow;

use crate::loader::drivers::Site;

/// A routine of a driver that the kernel calls.
#[derive(Clone, Debug)]
pub(crate) struct Routine {
    /// What it is: `DriverUnload`, `the routine of a DPC`.
    pub(crate) what: Cow<'static, str>,
    pub(crate) address: usize,
    /// The code that named it to the kernel, or the driver if the code is not known.
    pub(crate) by: Option<Site>,
    /// The number of calls between modules that were under way when it was called.
    pub(crate) depth: usize,
    /// The stack pointer when it was called, about.
    pub(crate) entry: usize,
    /// How many bytes of the stack the frames of drivers took by then.
    pub(crate) outer: usize,
}

impl Routine {
    /// How many bytes of the stack the frames of drivers take when the stack pointer is
    /// `rsp` in the driver's code.
    pub(crate) const fn used(&self, rsp: usize) -> usize {
        self.outer + self.entry.saturating_sub(rsp)
    }
}
