// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls of the framework's functions: through a table, with the driver's
//! globals as first argument.

use core::marker::PhantomData;
use core::ptr;

use wdk_sys::{DRIVER_OBJECT, NTSTATUS, PCUNICODE_STRING};

use crate::abi::{
    WDF_DRIVER_CONFIG, WDF_DRIVER_GLOBALS, WDFDRIVER, WDFFUNC, WdfDriverCreateTableIndex,
};

/// The framework that the driver is bound to.
///
/// # Invariants
///
/// `functions` is the framework's table of all functions, `globals` is what it
/// knows this driver by, and both are valid during `'bound`.
#[derive(Clone, Copy, Debug)]
pub struct Framework<'bound> {
    functions: *const WDFFUNC,
    globals: *mut WDF_DRIVER_GLOBALS,
    bound: PhantomData<&'bound ()>,
}

type DriverCreate = unsafe extern "C" fn(
    globals: *mut WDF_DRIVER_GLOBALS,
    driver: *mut DRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
    attributes: *mut core::ffi::c_void,
    config: *mut WDF_DRIVER_CONFIG,
    created: *mut WDFDRIVER,
) -> NTSTATUS;

impl Framework<'_> {
    /// The framework as `WdfVersionBind` has handed it out.
    ///
    /// # Safety
    ///
    /// The type's invariants hold.
    pub(crate) const unsafe fn new(
        functions: *const WDFFUNC,
        globals: *mut WDF_DRIVER_GLOBALS,
    ) -> Self {
        Self {
            functions,
            globals,
            bound: PhantomData,
        }
    }

    /// `WdfDriverCreate`, without attributes. IRQL = `PASSIVE_LEVEL`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdfdriver/nf-wdfdriver-wdfdrivercreate>
    ///
    /// # Safety
    ///
    /// In `DriverEntry`, with its arguments; the functions in `config` may be
    /// called as long as the driver is loaded.
    #[must_use]
    pub unsafe fn create_driver(
        &self,
        driver: &mut DRIVER_OBJECT,
        registry_path: PCUNICODE_STRING,
        config: &mut WDF_DRIVER_CONFIG,
    ) -> NTSTATUS {
        // SAFETY: by the invariants the table has this entry.
        let entry = unsafe { self.functions.add(WdfDriverCreateTableIndex) };
        // SAFETY: as above; entries have one size, and this one this type.
        let create = unsafe { *entry.cast::<DriverCreate>() };
        // SAFETY: the caller's promise, and the globals are those of the driver.
        unsafe {
            create(
                self.globals,
                driver,
                registry_path,
                ptr::null_mut(),
                config,
                ptr::null_mut(),
            )
        }
    }
}
