// SPDX-License-Identifier: MIT OR Apache-2.0

//! Structures and numbers of `wdfdriver.h`, `wdfglobals.h`, `wdffuncenum.h` and
//! of the loader's `fxldr.h`, under their own names.
//!
//! References: <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdfdriver/>,
//! <https://github.com/microsoft/Windows-Driver-Frameworks>

#![expect(
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    reason = "the names are those of the Windows headers"
)]

use core::ffi::c_void;
use core::mem::{offset_of, size_of};

/// What a `WDFDRIVER` leads to: nobody's business but the framework's.
#[derive(Debug)]
pub enum WDFDRIVER__ {}

/// A framework driver object.
pub type WDFDRIVER = *mut WDFDRIVER__;

/// A function of the framework, whatever its arguments.
pub type WDFFUNC = unsafe extern "C" fn();

/// `EvtDriverDeviceAdd`, which a driver that is not for Plug and Play lacks.
pub type EVT_WDF_DRIVER_DEVICE_ADD =
    unsafe extern "C" fn(driver: WDFDRIVER, device_init: *mut c_void) -> i32;

/// `EvtDriverUnload`. IRQL = `PASSIVE_LEVEL`.
pub type EVT_WDF_DRIVER_UNLOAD = unsafe extern "C" fn(driver: WDFDRIVER);

/// In `DriverInitFlags`: the driver is not for Plug and Play.
pub const WdfDriverInitNonPnpDriver: u32 = 1;
/// In `DriverInitFlags`: the dispatch routines stay the driver's own.
pub const WdfDriverInitNoDispatchOverride: u32 = 2;

/// What `WdfDriverCreate` is told of a driver.
#[repr(C)]
#[derive(Debug)]
pub struct WDF_DRIVER_CONFIG {
    /// Of this structure.
    pub Size: u32,
    /// Called for each device that the Plug and Play manager finds.
    pub EvtDriverDeviceAdd: Option<EVT_WDF_DRIVER_DEVICE_ADD>,
    /// Called before the driver is unloaded; without it, it never is.
    pub EvtDriverUnload: Option<EVT_WDF_DRIVER_UNLOAD>,
    /// `WdfDriverInit...`.
    pub DriverInitFlags: u32,
    /// Of the memory that the framework allocates for the driver; 0 leaves the
    /// choice to it.
    pub DriverPoolTag: u32,
}

impl WDF_DRIVER_CONFIG {
    /// Of a driver that is not for Plug and Play.
    #[must_use]
    pub const fn non_pnp() -> Self {
        Self {
            Size: 0x20,
            EvtDriverDeviceAdd: None,
            EvtDriverUnload: None,
            DriverInitFlags: WdfDriverInitNonPnpDriver,
            DriverPoolTag: 0,
        }
    }
}

/// What the framework lets a driver see of what it knows about it.
#[repr(C)]
#[derive(Debug)]
pub struct WDF_DRIVER_GLOBALS {
    /// The driver object, once it is created.
    pub Driver: WDFDRIVER,
    /// The `DriverInitFlags`.
    pub DriverFlags: u32,
    /// The driver's pool tag.
    pub DriverTag: u32,
    /// The name of its service.
    pub DriverName: [u8; 32],
    /// Whether `DriverUnload` is to be that of the stub.
    pub DisplaceDriverUnload: u8,
}

/// A version of the framework.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WDF_VERSION {
    /// 1 for KMDF.
    pub Major: u32,
    /// The oldest one that will do.
    pub Minor: u32,
    /// Not looked at.
    pub Build: u32,
}

/// What a driver wants to be bound to.
#[repr(C)]
#[derive(Debug)]
pub struct WDF_BIND_INFO {
    /// Of this structure.
    pub Size: u32,
    /// `KmdfLibrary`, in UTF-16.
    pub Component: *const u16,
    /// The version that the driver was built for.
    pub Version: WDF_VERSION,
    /// How many functions that version has.
    pub FuncCount: u32,
    /// Where the address of the table of functions is to be put.
    pub FuncTable: *mut *const WDFFUNC,
    /// The loader's.
    pub Module: *mut c_void,
}

impl WDF_BIND_INFO {
    /// Its `Size`.
    pub const SIZE: u32 = 0x30;
}

/// How many functions KMDF 1.31 has.
pub const WdfFunctionTableNumEntries: u32 = 458;

/// The place of `WdfDriverCreate` in the table.
pub const WdfDriverCreateTableIndex: usize = 116;

const _: () = {
    assert!(size_of::<WDF_DRIVER_CONFIG>() == WDF_DRIVER_CONFIG::non_pnp().Size as usize);
    assert!(offset_of!(WDF_DRIVER_CONFIG, EvtDriverUnload) == 0x10);
    assert!(offset_of!(WDF_DRIVER_CONFIG, DriverPoolTag) == 0x1C);
    assert!(size_of::<WDF_DRIVER_GLOBALS>() == 0x38);
    assert!(offset_of!(WDF_DRIVER_GLOBALS, DisplaceDriverUnload) == 0x30);
    assert!(size_of::<WDF_BIND_INFO>() == WDF_BIND_INFO::SIZE as usize);
    assert!(offset_of!(WDF_BIND_INFO, Version) == 0x10);
    assert!(offset_of!(WDF_BIND_INFO, FuncTable) == 0x20);
};
