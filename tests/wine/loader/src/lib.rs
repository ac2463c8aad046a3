// SPDX-License-Identifier: MIT OR Apache-2.0

//! `loader.sys`: loads and unloads drivers from threads of its own.
//!
//! Wine's service control manager has one thread for all starts and stops, and one for all
//! device requests: a `DriverUnload` that waits blocks every other load and unload. Here
//! each request gets a thread, so that both drivers can be in their unload routines at the
//! same time.

#![no_std]

extern crate alloc;

mod tree;

use alloc::vec::Vec;

use channel::loader::{DEVICE, LOAD, LONGEST_NAME, UNLOAD};
use native::device::{Device, Request, Served, Slot};
use native::thread;
use windows_sys::Wdk::Foundation::DRIVER_OBJECT;
use windows_sys::Win32::Foundation::{
    NTSTATUS, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
    UNICODE_STRING,
};

struct Loader;

static LOADER: Slot<Loader> = Slot::new();

impl Device for Loader {
    const NAME: &'static str = DEVICE.split_at(r"\\.\".len()).1;

    fn serve(request: Request) -> Served {
        let change = match request.code() {
            LOAD => tree::load,
            UNLOAD => tree::remove,
            _ => return request.complete(STATUS_INVALID_DEVICE_REQUEST, 0),
        };
        if !(2..=2 * LONGEST_NAME).contains(&request.input().len()) {
            return request.complete(STATUS_INVALID_PARAMETER, 0);
        }
        let (units, _) = request.input().as_chunks::<2>();
        let name: Vec<u16> = units.iter().copied().map(u16::from_ne_bytes).collect();
        request.later(|request| {
            let body = move || answer(request, change(&name));
            thread::spawn(body).expect("the kernel has threads");
        })
    }
}

/// Completes the request with the status of the load or unload.
fn answer(mut request: Request, status: NTSTATUS) {
    let written = request.output().first_chunk_mut().map(|place| {
        *place = status.to_ne_bytes();
        place.len()
    });
    let _ = match written {
        Some(bytes) => request.complete(STATUS_SUCCESS, bytes),
        None => request.complete(STATUS_INVALID_PARAMETER, 0),
    };
}

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
    match LOADER.create(driver) {
        Ok(()) => STATUS_SUCCESS,
        Err(status) => status,
    }
}

/// `DriverUnload`: all handles of the device are closed.
unsafe extern "system" fn unload(_: *const DRIVER_OBJECT) {
    LOADER.delete();
}
