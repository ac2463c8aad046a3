// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kernel-mode driver framework (KMDF 1.15), as far as a driver that is not
//! for Plug and Play needs it.
//!
//! # Design
//!
//! - [`abi`] is what both sides of the border agree on, under Microsoft's names:
//!   the simulated kernel has the other side of it.
//! - `entry` is what `WdfDriverEntry.lib` adds to a driver: it binds the image to
//!   the framework before the driver's own entry and lets go of it after the
//!   driver's unload.
//! - `Framework` and what it yields call the framework's functions.
//!
//! By hand, because neither the headers nor that library can be had without a
//! WDK. So `wdk-sys` need not know of the framework: it has one driver model for
//! a whole dependency graph, and `driver-type = "WDM"` in both pairs of drivers
//! is what lets them share a workspace and a lock file. A driver that is built
//! with a WDK only states `driver-type = "KMDF"`, and has all this from `wdk-sys`.
//!
//! # Limits
//!
//! x86-64; everything but [`abi`] is for Windows only. Control devices with
//! buffered control requests, no others. No class extensions, which the library
//! would bind, too.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/wdf/using-kernel-mode-driver-framework-with-non-pnp-drivers>

#![no_std]
#![deny(clippy::multiple_unsafe_ops_per_block)]

pub mod abi;
#[cfg(windows)]
mod context;
#[cfg(windows)]
mod device;
#[cfg(windows)]
mod framework;
#[cfg(windows)]
mod request;
#[cfg(windows)]
mod stub;

#[cfg(windows)]
pub use context::ContextType;
#[cfg(windows)]
pub use device::{ControlDevice, DeviceInit};
#[cfg(windows)]
pub use framework::{Driver, Framework};
#[cfg(windows)]
pub use request::Request;
#[cfg(windows)]
pub use stub::entry;
