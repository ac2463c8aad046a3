// SPDX-License-Identifier: MIT OR Apache-2.0

//! The driver around network modules, for the Windows Driver Model: entry points,
//! system threads, parameters, a control device.
//!
#![doc = include_str!("lib.md")]
#![no_std]
#![deny(clippy::multiple_unsafe_ops_per_block)]

extern crate alloc;

pub mod control;
pub mod name;
pub mod unload_gate;

#[cfg(all(windows, feature = "kernel"))]
mod kernel;

#[cfg(all(windows, feature = "kernel"))]
pub use kernel::{
    Entry, driver_entry, end_threads, event, parameters, registry_path, thread, worker,
};
pub use nmr::SpinLock;
