// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a driver with network modules needs besides them, for the Kernel-Mode Driver Framework
//! (KMDF 1.15): the entry points and the control device of a non-PnP driver.
//!
//! It is used like the crate `wdm`: a driver implements [`nmr::Driver`], and its `DriverEntry`
//! calls `driver_entry`. Workers, parameters, names and the control interface are those of
//! `wdm`.
//!
//! | item | for |
//! |---|---|
//! | `driver_entry`, `Entry` | an image's `DriverEntry` and `EvtDriverUnload`, and what `load` can do in the former |
//! | [`abi`] | the ABI between the image and the framework, under Microsoft's names; the simulated kernel implements the other side of it |
//!
//! `driver_entry` also takes the place of `WdfDriverEntry.lib`: it binds the image to the
//! framework before the driver's own entry, and unbinds it after the driver's unload.
//!
//! The declarations are written by hand, because neither the headers nor that library are
//! available without a WDK. `wdk-sys` has one driver model for a whole dependency graph. Here
//! it needs no declarations of the framework, so that all driver packages have
//! `driver-type = "WDM"` and can share a workspace and a lock file. A driver that is built with
//! a WDK only can have `driver-type = "KMDF"`, and the declarations of `wdk-sys`.
//!
//! # Non-goals
//!
//! - All of KMDF: the crate has the functions that a control device needs, 14 of 444.
//! - Hardware: it is for non-PnP drivers, and binds no class extension.
//! - Architectures other than x86-64.
//! - Unload holds, because the framework owns `DriverUnload`: `HOLD_UNLOAD` returns
//!   `STATUS_DEVICE_NOT_READY`.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/wdf/using-kernel-mode-driver-framework-with-non-pnp-drivers>
//!
//! # Example
//!
//! A complete driver: a provider of an NPI without functions, which logs each attached client
//! from a system thread, and has a control device. It is compiled as a doc test for Windows;
//! on other hosts, which have no kernel to call, the test is empty.
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
