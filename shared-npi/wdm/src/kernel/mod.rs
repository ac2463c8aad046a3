// SPDX-License-Identifier: MIT OR Apache-2.0

//! The parts that call the kernel, which only a driver has.

pub mod event;
pub mod events;
pub mod parameters;
pub mod registry_path;
pub mod thread;
pub mod worker;

mod device;
mod dispatch;
mod entry;
mod irp;
mod unicode;

pub use entry::{Entry, driver_entry, end_threads};
