// SPDX-License-Identifier: MIT OR Apache-2.0

//! `probe.sys`: tests the functions of our `ntoskrnl.exe` for Wine that the pair does not
//! use. Its `DriverEntry` returns if all behave as documented; otherwise it panics with the
//! deviation.

#![no_std]

extern crate alloc;

mod dpc;
mod push_lock;
mod several;
mod system;
mod time;

use windows_sys::Wdk::Foundation::DRIVER_OBJECT;
use windows_sys::Win32::Foundation::{NTSTATUS, STATUS_SUCCESS, UNICODE_STRING};

/// `DriverEntry`.
///
/// # Safety
///
/// Called by the I/O manager, once.
// The name of the entry point in the linker's options.
#[unsafe(export_name = "DriverEntry")]
pub unsafe extern "system" fn driver_entry(
    driver: &mut DRIVER_OBJECT,
    _: *const UNICODE_STRING,
) -> NTSTATUS {
    driver.DriverUnload = Some(unload);
    dpc::works();
    push_lock::works();
    several::works();
    time::works();
    STATUS_SUCCESS
}

/// `DriverUnload`: nothing to release.
unsafe extern "system" fn unload(_: *const DRIVER_OBJECT) {}
