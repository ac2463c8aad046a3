// SPDX-License-Identifier: MIT OR Apache-2.0

//! The framework's loader: binds a driver to the framework, and unbinds it.
//!
//! No document describes the two functions. Their callers and arguments are in the
//! published sources of the framework, and in the library with which each of its drivers
//! is linked.

use kmdf::abi::{WDF_BIND_INFO, WDF_DRIVER_GLOBALS, WDFFUNC};
use windows_sys::Wdk::Foundation::DRIVER_OBJECT;
use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, UNICODE_STRING,
};

use crate::exports::data::strings;
use crate::exports::exports;
use crate::findings;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::with;
use crate::verifier::faults;
use crate::wdf::{self, NAMES};

exports! {
    of "wdfldr.sys":
    "WdfVersionBind" <= PASSIVE_LEVEL => wdf_version_bind: i32;
    "WdfVersionUnbind" <= PASSIVE_LEVEL => wdf_version_unbind: i32;
    "WdfVersionBindClass" <= PASSIVE_LEVEL => bind_class: i32;
    "WdfVersionUnbindClass" <= PASSIVE_LEVEL => unbind_class: ();
}

/// The number of functions of KMDF 1.9, the oldest supported version.
const OLDEST: u32 = 396;
/// The number of functions of KMDF 1.15. Drivers for older versions have an array, into which the
/// table is copied, instead of a pointer to the table.
const POINTED_TO: u32 = 444;

unsafe extern "win64" fn wdf_version_bind(
    _driver: *mut DRIVER_OBJECT,
    _path: *const UNICODE_STRING,
    info: *mut WDF_BIND_INFO,
    globals: *mut *mut WDF_DRIVER_GLOBALS,
) -> i32 {
    if info.is_null() || globals.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: it is not null, and so valid, as documented.
    let info = unsafe { &*info };
    with(|state| state.wdf.version = Some((info.Version.Major, info.Version.Minor)));
    // SAFETY: the name ends with a zero, as documented.
    let component = unsafe { strings::wide_text(info.Component) };
    if component != "KmdfLibrary" || info.Version.Major != 1 || info.FuncCount < OLDEST {
        let version = info.Version;
        findings::unsupported(format!(
            "binds {component} {}.{} with {} functions instead of KmdfLibrary 1.9 to 1.31",
            version.Major, version.Minor, info.FuncCount
        ));
    }
    if info.FuncTable.is_null() || info.FuncCount as usize > NAMES.len() {
        return STATUS_INVALID_PARAMETER;
    }
    let bound = with(|state| {
        let by = caller(state)?;
        let fails = faults::fails(state, faults::FaultKind::Framework);
        (!fails).then(|| wdf::bind_driver(state, by.driver, info.FuncCount as usize))
    });
    let Some((address, table)) = bound else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    let functions = table as *const WDFFUNC;
    // SAFETY: both may be written, as documented, and the array has room for the functions.
    unsafe {
        if info.FuncCount < POINTED_TO {
            let array = info.FuncTable.cast::<WDFFUNC>();
            array.copy_from(functions, info.FuncCount as usize);
        } else {
            info.FuncTable.write(functions);
        }
        globals.write(address as *mut WDF_DRIVER_GLOBALS);
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn wdf_version_unbind(
    _path: *const UNICODE_STRING,
    _info: *const WDF_BIND_INFO,
    globals: *mut WDF_DRIVER_GLOBALS,
) -> i32 {
    if !wdf::unbind(globals.addr()) {
        stop(
            "wdf",
            format!("{globals:?} was unbound, which is no driver's globals"),
        );
    }
    STATUS_SUCCESS
}

/// No class extension is simulated; the library that each driver is linked with calls
/// this for each one that the driver uses, for most drivers none.
unsafe extern "win64" fn bind_class(_bind: usize, _globals: usize, _class: usize) -> i32 {
    wdf::unsupported("a class extension of the driver framework");
}

unsafe extern "win64" fn unbind_class(_bind: usize, _globals: usize, _class: usize) {}
