// SPDX-License-Identifier: MIT OR Apache-2.0

//! The driver around network modules, for the Kernel-Mode Driver Framework (KMDF
//! 1.15): entry points and a control device of a non-PnP driver.
//!
#![doc = include_str!("lib.md")]
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
