// SPDX-License-Identifier: MIT OR Apache-2.0

//! `probe.sys`: tries what stands before Wine's kernel and no driver of this
//! project uses. Its `DriverEntry` returns if all is as documented; else it
//! panics, and says what is not.

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
// The linker looks for the entry point under this name.
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

/// `DriverUnload`: nothing was left.
unsafe extern "system" fn unload(_: *const DRIVER_OBJECT) {}
