// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a driver with network modules needs besides them, for the Windows Driver Model: entry
//! points, system threads, parameters, a control device.
//!
//! A driver implements [`nmr::Driver`], and its `DriverEntry` calls `driver_entry`. Apart from
//! that call it needs no `unsafe` code for its entry, threads and device. Modules and
//! registrations are in the crate `nmr`.
//!
//! | item | for |
//! |---|---|
//! | `driver_entry`, `Entry` | an image's `DriverEntry` and `DriverUnload`, and what `load` can do in the former |
//! | `worker::Worker` | a system thread that runs each time it is woken |
//! | `thread`, `event` | system threads and events, from which workers are built |
//! | [`SpinLock`] | a `KSPIN_LOCK` with the value that it guards |
//! | `events` | the driver's events for Event Tracing for Windows |
//! | `parameters::Parameters` | `REG_DWORD` values of the service's `Parameters` key |
//! | [`name::Name`] | names of kernel objects, among them those with the name of the service |
//! | [`control`] | the control interface, generic over the driver, and its device |
//! | [`unload_gate::UnloadGate`] | blocks the unload while a program has a hold |
//!
//! The control interface, the unload gate and names need no kernel, and are tested on the
//! host. A program that sends requests to the control device disables the default feature
//! `kernel`, so that it does not depend on `wdk-sys`.
//!
//! # Promises
//!
//! Impossible by type: a worker's memory is freed while its thread runs; parameters are read
//! above `PASSIVE_LEVEL`; a function without a `PassiveLevel` waits; a hold on the unload is
//! released through a file other than the one that took it.
//!
//! Caught at run time: a thread has not been joined at the end of the unload, because its
//! worker is in a `static` or was leaked by `mem::forget`. That ends in bug check 0xCE, instead
//! of an access violation in unmapped memory later.
//!
//! Conditions, which no type checks: the image's entry is `driver_entry`, or calls
//! `end_threads` last in its entry and its unload; an image has one version of this crate; only
//! this library writes to `DriverUnload` and the dispatch table of the driver object; a worker
//! is joined neither on its own thread nor on one for which its work waits, which would hang.
//!
//! The memory, the thread object and the work of a worker that is dropped without being joined,
//! for example with a binding, stay until the driver is unloaded. So the work must own no
//! [`nmr::Hold`] and no pended request, or the unload waits for them for ever.
//!
//! # Non-goals
//!
//! - All of `wdm.h`: the crate has what drivers with NMR modules need. For everything else use
//!   `wdk-sys`.
//! - Hardware: there are no Plug and Play, power or DMA routines.
//! - Other devices: there is one control device, with buffered control requests, which only
//!   administrators can open.
//! - Framework drivers: for these there is the crate `kmdf`, with the same interface.
//!
//! # Example
//!
//! A complete driver: a provider of an NPI without functions, which logs each attached client
//! from a system thread, and has a control device. It is compiled as a doc test for Windows;
//! on other hosts, which have no kernel to call, the test is empty.
#![doc = include_str!("example.md")]
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
    Entry, driver_entry, end_threads, event, events, parameters, registry_path, thread, worker,
};
pub use nmr::SpinLock;
