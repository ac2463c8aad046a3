// SPDX-License-Identifier: MIT OR Apache-2.0

//! `loader.sys`: loads and unloads drivers from threads of its own.
//!
//! Wine's service control manager has one thread for all starts and stops, and
//! one for all requests to devices: a `DriverUnload` that waits keeps every
//! other driver from coming or going. Here each request gets a thread, so both
//! drivers can be in their unload routines at one time.

#![no_std]

extern crate alloc;

use alloc::vec::Vec;

use channel::loader::{DEVICE, LOAD, LONGEST_NAME, UNLOAD};
use native::device::{Device, Request, Served, Slot};
use native::system::{ZwLoadDriver, ZwUnloadDriver};
use native::text::Text;
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
        let action = match request.code() {
            LOAD => Action::Load,
            UNLOAD => Action::Unload,
            _ => return request.complete(STATUS_INVALID_DEVICE_REQUEST, 0),
        };
        if !(2..=2 * LONGEST_NAME).contains(&request.input().len()) {
            return request.complete(STATUS_INVALID_PARAMETER, 0);
        }
        let service = service(request.input());
        request.later(|request| {
            let body = move || answer(request, action.perform(&service));
            thread::spawn(body).expect("the kernel has threads");
        })
    }
}

#[derive(Clone, Copy)]
enum Action {
    Load,
    Unload,
}

impl Action {
    fn perform(self, service: &Text) -> NTSTATUS {
        let service = service.counted();
        // SAFETY: both take a readable name, at PASSIVE_LEVEL.
        unsafe {
            match self {
                Self::Load => ZwLoadDriver(service.as_ptr()),
                Self::Unload => ZwUnloadDriver(service.as_ptr()),
            }
        }
    }
}

/// The key of the service whose name is `name`, in UTF-16.
fn service(name: &[u8]) -> Text {
    let (units, _) = name.as_chunks::<2>();
    let units: Vec<u16> = units.iter().copied().map(u16::from_ne_bytes).collect();
    Text::default()
        .and(r"\Registry\Machine\System\CurrentControlSet\Services\")
        .and_units(units)
}

/// Tells whoever asked.
fn answer(mut request: Request, status: NTSTATUS) {
    let told = request.output().first_chunk_mut().map(|place| {
        *place = status.to_ne_bytes();
        place.len()
    });
    let _ = match told {
        Some(bytes) => request.complete(STATUS_SUCCESS, bytes),
        None => request.complete(STATUS_INVALID_PARAMETER, 0),
    };
}

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
    match LOADER.create(driver) {
        Ok(()) => STATUS_SUCCESS,
        Err(status) => status,
    }
}

/// `DriverUnload`: by then nobody asks for anything.
unsafe extern "system" fn unload(_: *const DRIVER_OBJECT) {
    LOADER.delete();
}
