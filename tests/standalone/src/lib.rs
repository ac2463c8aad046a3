// SPDX-License-Identifier: MIT OR Apache-2.0

//! A WDM driver in the form of windows-drivers-rs: it allocates and frees a string, and can
//! be unloaded.

#![no_std]

extern crate alloc;
extern crate wdk_panic;

use alloc::string::String;

use wdk::println;
use wdk_alloc::WdkAllocator;
use wdk_sys::{DRIVER_OBJECT, NTSTATUS, PCUNICODE_STRING, STATUS_SUCCESS};

#[global_allocator]
static GLOBAL_ALLOCATOR: WdkAllocator = WdkAllocator;

/// Entry point.
///
/// # Safety
///
/// For the I/O manager: `driver` is the driver's object.
// SAFETY: no other function of the image has this name.
#[unsafe(export_name = "DriverEntry")]
pub unsafe extern "system" fn driver_entry(
    driver: &mut DRIVER_OBJECT,
    _registry_path: PCUNICODE_STRING,
) -> NTSTATUS {
    driver.DriverUnload = Some(driver_exit);
    let greeting = String::from("loaded");
    println!("sample_wdm_driver: {greeting}");
    STATUS_SUCCESS
}

extern "C" fn driver_exit(_driver: *mut DRIVER_OBJECT) {
    println!("sample_wdm_driver: unloaded");
}
