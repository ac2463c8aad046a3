// SPDX-License-Identifier: MIT OR Apache-2.0

//! The shell of a driver of the kernel-mode driver framework that is not for Plug
//! and Play: what the framework calls, and nothing of what is done then. `wdm`
//! is the other one.
//!
//! `EvtDriverUnload` is to the framework what `DriverUnload` is to the I/O
//! manager, and the same routine serves for both.

mod device;

use kmdf::Framework;
use kmdf::abi::WDF_DRIVER_CONFIG;
use nmr::NtStatus;
use nmr::irql::PassiveLevel;
use nmr::{Kept, set_unload};
use wdk_sys::{DRIVER_OBJECT, NTSTATUS, PCUNICODE_STRING};

pub(crate) use self::device::Device;
use crate::{EchoDriver, start};

/// The image's entry, around `DriverEntry`. IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the I/O manager, once.
// The linker looks for the entry point under this name, which no other symbol
// has.
#[unsafe(export_name = "DriverEntry")]
unsafe extern "system" fn entry(
    driver: &mut DRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: this is the image's entry, with its arguments.
    unsafe { kmdf::entry(driver, registry_path, driver_entry) }
}

/// `DriverEntry`: sets `EvtDriverUnload`, creates the driver object and the control
/// device, and registers the modules last, because their callbacks may run before
/// a registration has returned. Where a step fails, the framework deletes what it
/// has created and does not call `EvtDriverUnload`. IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/wdf/creating-a-framework-driver-object>
fn driver_entry(
    driver: &mut DRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
    framework: Framework<'_>,
) -> NTSTATUS {
    let mut config = WDF_DRIVER_CONFIG::non_pnp();
    // SAFETY: this is `DriverEntry`, and the driver is created with this
    // configuration or not at all.
    let unloadable = unsafe { set_unload::<EchoDriver, _>(&mut config.EvtDriverUnload) };
    // SAFETY: `DriverEntry` is called at `PASSIVE_LEVEL`.
    let passive = unsafe { PassiveLevel::assume() };
    // SAFETY: this is `DriverEntry`, with its arguments; the routine is the image's.
    let created = unsafe { framework.create_driver(driver, registry_path, &mut config) };
    let started = created.and_then(|driver| {
        // SAFETY: this is `DriverEntry`, with its path.
        let device = unsafe { Device::create(driver, registry_path) }?;
        let modules = start(&passive)?;
        Ok((modules, Kept(Device::open(device))))
    });
    match started {
        Ok(registrations) => {
            unloadable.keep(registrations);
            NtStatus::SUCCESS.0
        }
        Err(status) => {
            wdk::println!("echo provider: not loaded: {status}");
            status.0
        }
    }
}
