// SPDX-License-Identifier: MIT OR Apache-2.0

//! The driver as the Windows Driver Model has it: `DriverEntry`.

use nmr::NtStatus;
use nmr::irql::PassiveLevel;
use nmr::{Kept, set_unload};
use wdk_sys::{DRIVER_OBJECT, NTSTATUS, PCUNICODE_STRING};

use crate::device::Device;
use crate::settings::Settings;
use crate::{EchoDriver, start};

/// `DriverEntry`: sets `DriverUnload`, creates the control device, and registers
/// the modules last, because their callbacks may run before a registration has
/// returned. What a failing step leaves behind is undone. IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/network/initializing-and-registering-a-client-module>
///
/// # Safety
///
/// Called by the I/O manager, once.
// The linker looks for the entry point under this name, which no other symbol
// has.
#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn driver_entry(
    driver: &mut DRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: this is `DriverEntry`, and the object is this driver's own.
    let unloadable = unsafe { set_unload::<EchoDriver, _>(&mut driver.DriverUnload) };
    // SAFETY: the I/O manager calls `DriverEntry` at `PASSIVE_LEVEL`.
    let passive = unsafe { PassiveLevel::assume() };
    // SAFETY: the path is that of the I/O manager.
    let settings = unsafe { Settings::read(registry_path, &passive) };
    // SAFETY: this is `DriverEntry`; `DriverUnload` is set.
    let device = unsafe { Device::create(driver.into(), registry_path, &passive) };
    let started = device.and_then(|device| Ok((start(settings, &passive)?, Kept(device))));
    match started {
        Ok(registrations) => {
            unloadable.keep(registrations);
            NtStatus::SUCCESS.0
        }
        Err(status) => {
            wdk::println!("echo client: not loaded: {status}");
            status.0
        }
    }
}
