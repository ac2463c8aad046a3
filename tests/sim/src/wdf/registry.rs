// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registry through the framework: the key with a driver's parameters.

use kmdf::abi::WDF_OBJECT_ATTRIBUTES;
use windows_sys::Win32::Foundation::{
    STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS, UNICODE_STRING,
};

use super::lifetimes;
use super::objects::{self, Kind};
use crate::exports::data::strings;
use crate::exports::exports;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::with;
use crate::objects::registry::Value;

exports! {
    of "wdf01000.sys":
    "WdfDriverOpenParametersRegistryKey" <= PASSIVE_LEVEL => open_parameters: i32;
    "WdfRegistryOpenKey" <= PASSIVE_LEVEL => open: i32;
    "WdfRegistryClose" <= PASSIVE_LEVEL => close: ();
    "WdfRegistryQueryULong" <= PASSIVE_LEVEL => query_number: i32;
}

/// Opens the key at a path.
///
/// # Safety
///
/// The attributes are null or valid, and `key` may be written.
unsafe fn open_path(
    globals: usize,
    path: String,
    given: *const WDF_OBJECT_ATTRIBUTES,
    key: *mut usize,
) -> i32 {
    if !with(|state| state.objects.registry.has(&path)) {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    // SAFETY: they are null or valid, by this function's contract.
    let given = match unsafe { objects::attributes(given) } {
        Ok(given) => given,
        Err(status) => return status,
    };
    let created = objects::create(globals, Kind::Key, &given, globals);
    if let Some(at) = created {
        with(|state| state.wdf.keys.insert(at, path));
    }
    // SAFETY: it may be written, by this function's contract.
    unsafe { objects::publish(key, created) }
}

unsafe extern "win64" fn open_parameters(
    globals: usize,
    driver: usize,
    _access: u32,
    given: *const WDF_OBJECT_ATTRIBUTES,
    key: *mut usize,
) -> i32 {
    let driver = objects::find(driver, Kind::Driver);
    let service = with(|state| {
        let client = state.wdf.clients.get(&driver)?;
        Some(client.created.as_ref()?.service.clone())
    });
    let path = format!(r"{}\Parameters", service.unwrap_or_default());
    // SAFETY: this passes on the driver's own arguments, under the same documented
    // contract.
    unsafe { open_path(globals, path, given, key) }
}

fn path(handle: usize) -> String {
    let at = objects::find(handle, Kind::Key);
    with(|state| state.wdf.keys.get(&at).cloned()).unwrap_or_default()
}

unsafe extern "win64" fn open(
    globals: usize,
    parent: usize,
    name: *const UNICODE_STRING,
    _access: u32,
    given: *const WDF_OBJECT_ATTRIBUTES,
    key: *mut usize,
) -> i32 {
    // SAFETY: the name is valid, as documented.
    let name = unsafe { strings::text(name) };
    let path = match parent {
        0 => name,
        parent => format!(r"{}\{name}", path(parent)),
    };
    // SAFETY: this passes on the driver's own arguments, under the same documented
    // contract.
    unsafe { open_path(globals, path, given, key) }
}

unsafe extern "win64" fn close(_globals: usize, key: usize) {
    lifetimes::delete(objects::find(key, Kind::Key));
}

unsafe extern "win64" fn query_number(
    _globals: usize,
    key: usize,
    name: *const UNICODE_STRING,
    value: *mut u32,
) -> i32 {
    let path = path(key);
    // SAFETY: the name is valid, as documented.
    let name = unsafe { strings::text(name) };
    let found = with(|state| {
        let found = state.objects.registry.value(&path, &name);
        found.map(Value::number)
    });
    match found {
        Some(Some(found)) => {
            // SAFETY: it may be written, as documented.
            unsafe { value.write(found) };
            STATUS_SUCCESS
        }
        Some(None) => STATUS_OBJECT_TYPE_MISMATCH,
        None => STATUS_OBJECT_NAME_NOT_FOUND,
    }
}
