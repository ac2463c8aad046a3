// SPDX-License-Identifier: MIT OR Apache-2.0

//! The loader device: a request carries the name of a service in UTF-16, and completes
//! with the `NTSTATUS` of the load or unload.

use crate::request::buffered;

/// The device as user mode names it.
pub const DEVICE: &str = r"\\.\NmrLoader";

/// `ZwLoadDriver`.
pub const LOAD: u32 = buffered(0x10);
/// `ZwUnloadDriver`.
pub const UNLOAD: u32 = buffered(0x11);

/// The longest name of a service, in UTF-16 units.
pub const LONGEST_NAME: usize = 64;
