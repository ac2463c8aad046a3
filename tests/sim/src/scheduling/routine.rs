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
}
