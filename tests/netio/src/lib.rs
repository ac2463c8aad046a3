// SPDX-License-Identifier: MIT OR Apache-2.0

//! `netio.sys`: the registrar as a driver, for a kernel that has none.
//!
//! # Design
//!
//! Drivers import the nine functions from it. It also runs as a service, so
//! that it stays while they come and go, and has a device through which a
//! program reads what has happened ([`channel::watch`]). A breach of a rule is
//! printed with its history and then stops the machine with Windows' own code.
//!
//! # Limits
//!
//! Between two reads it keeps the last events only; it says how many are lost.

#![no_std]

extern crate alloc;

mod host;
mod random;
mod ring;
mod stubs;
mod watch;

use native::device::Slot;
use registrar::Registrar;
use spin::Once;
use windows_sys::Wdk::Foundation::DRIVER_OBJECT;
use windows_sys::Win32::Foundation::{NTSTATUS, STATUS_SUCCESS, UNICODE_STRING};

use crate::host::Kernel;
use crate::watch::Watch;

static WATCH: Slot<Watch> = Slot::new();

/// The one there is; made by whoever comes first, for a driver that imports
/// from here may be loaded before this is one itself.
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
    match WATCH.create(driver) {
        Ok(()) => STATUS_SUCCESS,
        Err(status) => status,
    }
}

/// `DriverUnload`: the image stays as long as a driver imports from it.
unsafe extern "system" fn unload(_: *const DRIVER_OBJECT) {
    WATCH.delete();
}
