// SPDX-License-Identifier: MIT OR Apache-2.0

//! `netio.sys`: the registrar as a driver, for a kernel that has none.
//!
//! # Design
//!
//! Drivers import NMR's nine functions from it. It also runs as a service, so that it
//! stays loaded while they are loaded and unloaded, and has a device from which a program
//! reads events ([`channel::events`]). A violation of a rule is printed with its history,
//! followed by a bug check with the code that Windows uses.
//!
//! # Limits
//!
//! Between two reads it keeps only the latest events, and counts the lost ones.

#![no_std]

extern crate alloc;

mod event_device;
mod host;
mod random;
mod ring;
mod stubs;

use native::device::Slot;
use registrar::Registrar;
use spin::Once;
use windows_sys::Wdk::Foundation::DRIVER_OBJECT;
use windows_sys::Win32::Foundation::{NTSTATUS, STATUS_SUCCESS, UNICODE_STRING};

use crate::event_device::EventDevice;
use crate::host::Kernel;

static EVENT_DEVICE: Slot<EventDevice> = Slot::new();

/// The registrar; created by the first caller, as a driver that imports from this
/// image may be loaded before this image runs as a driver itself.
pub(crate) fn registrar() -> &'static Registrar<Kernel> {
    static REGISTRAR: Once<Registrar<Kernel>> = Once::new();
    REGISTRAR.call_once(|| Registrar::new(Kernel::new()))
}

registrar::export_functions!(registrar);

/// `DriverEntry`.
///
/// # Safety
///
/// Called by the I/O manager, once.
// The linker looks for the entry point under this name.
#[unsafe(export_name = "DriverEntry")]
pub unsafe extern "system" fn driver_entry(
    driver: &mut DRIVER_OBJECT,
    _: *const UNICODE_STRING,
) -> NTSTATUS {
    driver.DriverUnload = Some(unload);
    match EVENT_DEVICE.create(driver) {
        Ok(()) => STATUS_SUCCESS,
        Err(status) => status,
    }
}

/// `DriverUnload`: the image stays as long as a driver imports from it.
unsafe extern "system" fn unload(_: *const DRIVER_OBJECT) {
    EVENT_DEVICE.delete();
}
