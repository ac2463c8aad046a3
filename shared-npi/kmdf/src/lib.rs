// SPDX-License-Identifier: MIT OR Apache-2.0

//! The driver around network modules, for the Kernel-Mode Driver Framework (KMDF
//! 1.15): entry points and a control device of a non-PnP driver.
//!
//! It has the shape of the crate `wdm`: an implementation of [`nmr::Driver`],
//! and a `DriverEntry` of one line. Workers, parameters, names and the control
//! interface are those of `wdm`.
//!
//! | item | for |
//! |---|---|
//! | `driver_entry`, `Entry` | `DriverEntry` and `EvtDriverUnload` of an image, and what `load` may do in them |
//! | [`abi`] | the ABI between the image and the framework, under Microsoft's names; the simulated kernel implements the other side of it |
//!
//! `driver_entry` does what `WdfDriverEntry.lib` adds to a driver, too: it binds the
//! image to the framework before the driver's own entry, and unbinds it after the
//! driver's unload.
//!
//! The declarations are by hand, because neither the headers nor that library are
//! available without a WDK. `wdk-sys` has one driver model for a whole dependency graph;
//! since it needs no knowledge of the framework here, `driver-type = "WDM"` in all driver
//! packages lets them share a workspace and a lock file. A driver that is built with a
//! WDK only can state `driver-type = "KMDF"`, and has the declarations from `wdk-sys`.
//!
//! # What it refuses to be
//!
//! A binding to KMDF: it has the functions that a control device needs, 14 of 444. A
//! driver of hardware: it is for non-PnP drivers, and binds no class extension. Any
//! architecture but x86-64. Unload holds are not supported, because `DriverUnload`
//! is the framework's: `HOLD_UNLOAD` returns `STATUS_DEVICE_NOT_READY`.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/wdf/using-kernel-mode-driver-framework-with-non-pnp-drivers>
//!
//! # Example
//!
//! A whole driver: a provider of an NPI that has no functions, which logs each client
//! that attaches, from a system thread, and has a control device. It is compiled as a
//! doc test for Windows; elsewhere the kernel that it calls is missing, and the test is
//! empty.
#![doc = include_str!("example.md")]
#![no_std]
#![deny(clippy::multiple_unsafe_ops_per_block)]

pub mod abi;

#[cfg(windows)]
mod context;
#[cfg(windows)]
mod control;
#[cfg(windows)]
mod device;
#[cfg(windows)]
mod entry;
#[cfg(windows)]
mod framework;
#[cfg(windows)]
mod request;
#[cfg(windows)]
mod stub;

#[cfg(windows)]
pub use entry::{Entry, driver_entry};
