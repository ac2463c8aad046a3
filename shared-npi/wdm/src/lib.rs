// SPDX-License-Identifier: MIT OR Apache-2.0

//! The driver around network modules, for the Windows Driver Model: entry points,
//! system threads, parameters, a control device.
//!
//! A driver implements [`nmr::Driver`] and has a `DriverEntry` that makes one call;
//! beside that call it needs no `unsafe` code for its entry, threads and device. Modules and their registrations are those of the crate `nmr`.
//!
//! | item | for |
//! |---|---|
//! | `driver_entry`, `Entry` | `DriverEntry` and `DriverUnload` of an image, and what `load` may do in them |
//! | `worker::Worker` | a system thread that does some work each time it is woken |
//! | `thread`, `event` | system threads and events, from which workers are built |
//! | [`SpinLock`] | a `KSPIN_LOCK` with the value that it guards |
//! | `events` | the driver's events for Event Tracing for Windows |
//! | `parameters::Parameters` | `REG_DWORD` values of the service's `Parameters` key |
//! | [`name::Name`] | names of kernel objects after the service |
//! | [`control`] | the control interface, generic over the driver, and its device |
//! | [`unload_gate::UnloadGate`] | blocks the unload while a program holds the driver |
//!
//! The control interface, the unload gate and names need no kernel, and are tested on
//! the host. A program for Windows that sends requests to the control device
//! disables the default feature `kernel`, and so does not depend on `wdk-sys`.
//!
//! # Promises
//!
//! Impossible by type: a worker's memory freed while its thread runs; parameters read
//! above `PASSIVE_LEVEL`; a wait in a function that has no `PassiveLevel`; a hold on
//! the unload released through another file than the one that took it.
//!
//! Caught at run time: a thread that was not joined by the end of the unload, because its
//! worker was hidden in a `static` or by `mem::forget`, ends in bug check 0xCE there
//! instead of an access violation in unmapped memory later.
//!
//! Conditions, which no type checks: the image's entry is `driver_entry`, or calls
//! `end_threads` last in its entry and its unload; there is one version of this crate
//! in an image; nobody but this library writes to `DriverUnload` and to the dispatch
//! table of the driver object; a worker is joined neither on its own thread nor by
//! one that its work waits for, which would hang.
//!
//! The memory and the thread object of a worker that is dropped unjoined, say with a
//! binding, stay until the driver is unloaded. So does its work: it must own no
//! [`nmr::Hold`] and no pended request, or the unload waits for them for ever.
//!
//! # What it refuses to be
//!
//! A binding to all of `wdm.h`: it has what drivers with modules of NMR need; for
//! everything else use `wdk-sys`. A driver of hardware: there are no Plug and Play, power or DMA
//! routines. A second device: there is one control device, with buffered control
//! requests, and only administrators can open it. A framework driver: that is the
//! crate `kmdf`, which has the same shape.
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
