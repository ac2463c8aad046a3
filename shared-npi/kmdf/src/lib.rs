// SPDX-License-Identifier: MIT OR Apache-2.0

//! The driver around network modules, for the Kernel-Mode Driver Framework (KMDF
//! 1.15): entry points and a control device of a non-PnP driver.
//!
//! It has the shape of the crate `wdm`: an implementation of `nmr::driver::Driver`,
//! and a `DriverEntry` of one line. Workers, parameters, names and the control
//! interface are those of `wdm`.
//!
//! | item | for |
//! |---|---|
//! | `driver_entry`, `Entry` | `DriverEntry` and `EvtDriverUnload` of an image, and what `load` may do in them |
//! | [`abi`] | what an image and the framework agree on, under Microsoft's names; the simulated kernel implements the other side of it |
//!
//! `driver_entry` does what `WdfDriverEntry.lib` adds to a driver, too: it binds the
//! image to the framework before the driver's own entry, and unbinds it after the
//! driver's unload.
//!
//! The declarations are by hand, because neither the headers nor that library can be
//! had without a WDK. So `wdk-sys` needs no knowledge of the framework: it has one
//! driver model for a whole dependency graph, and `driver-type = "WDM"` in all driver
//! packages lets them share a workspace and a lock file. A driver that is built with a
//! WDK only can state `driver-type = "KMDF"`, and has the declarations from `wdk-sys`.
//!
//! # What it refuses to be
//!
//! A binding to KMDF: it has the functions that a control device needs, 14 of 444. A
//! driver of hardware: it is for non-PnP drivers, and binds no class extension. Any
//! architecture but x86-64. Holds on the unload do not exist, because `DriverUnload`
//! is the framework's: `HOLD_UNLOAD` returns `STATUS_DEVICE_NOT_READY`.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/wdf/using-kernel-mode-driver-framework-with-non-pnp-drivers>
//!
//! # Example
//!
//! A whole driver, with a thread that waits to be woken. What needs the framework, as
//! this does, exists for Windows targets only: elsewhere the example is empty.
//!
//! ```no_run
//! # #![cfg_attr(windows, no_std, no_main)]
//! # fn main() {}
//! # #[cfg(windows)]
//! # mod driver {
//! use nmr::driver::Driver;
//! use nmr::header::Header;
//! use nmr::irql::{PassiveLevel, WaitAllowed};
//! use nmr::{Kept, NtStatus, Result};
//! use wdk_alloc::WdkAllocator;
//! use wdk_sys::{DRIVER_OBJECT, NTSTATUS, PCUNICODE_STRING};
//! use wdm::control::{BindingEntry, Controlled, VERSION};
//! use wdm::worker::{Work, Worker};
//!
//! extern crate wdk_panic;
//!
//! #[global_allocator]
//! static ALLOCATOR: WdkAllocator = WdkAllocator;
//!
//! /// The image's entry.
//! ///
//! /// # Safety
//! ///
//! /// Called by the I/O manager, once.
//! #[unsafe(export_name = "DriverEntry")]
//! unsafe extern "system" fn driver_entry(
//!     driver: &mut DRIVER_OBJECT,
//!     registry_path: PCUNICODE_STRING,
//! ) -> NTSTATUS {
//!     // SAFETY: this is the image's entry, with its arguments.
//!     unsafe { kmdf::driver_entry::<Sample>(driver, registry_path) }
//! }
//!
//! /// The driver.
//! enum Sample {}
//!
//! impl Driver for Sample {
//!     type Entry<'entry> = kmdf::Entry<'entry>;
//!     /// A real driver returns its registrations, from `entry.register(module)`.
//!     type Modules = Kept<Worker<Idle>>;
//!
//!     fn load(entry: kmdf::Entry<'_>) -> Result<Self::Modules> {
//!         entry.create_control_device::<Sample>()?;
//!         Worker::start(Idle, entry.passive()).map(Kept)
//!     }
//!
//!     fn unload(Kept(mut worker): Self::Modules, wait: &WaitAllowed<'_>) -> Worker<Idle> {
//!         worker.join(wait.passive());
//!         worker
//!     }
//! }
//!
//! /// The work of the driver's thread: none.
//! struct Idle;
//!
//! impl Work for Idle {
//!     fn run(&self, _passive: &PassiveLevel<'_>) {}
//! }
//!
//! impl Controlled for Sample {
//!     type Status = Header;
//!
//!     fn status(_holds: u32) -> Header {
//!         Header::of::<Header>(VERSION)
//!     }
//!
//!     fn bindings(_report: &mut dyn FnMut(BindingEntry)) {}
//!
//!     fn switch(_subcomponent: u32, _on: bool, _wait: &WaitAllowed<'_>) -> Result {
//!         Err(NtStatus::INVALID_PARAMETER)
//!     }
//! }
//! # }
//! ```

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
