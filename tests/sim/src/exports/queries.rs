// SPDX-License-Identifier: MIT OR Apache-2.0

//! `RtlQueryRegistryValues`: the registry by table.

use std::ffi::c_void;
use std::mem;

use windows_sys::Wdk::System::SystemServices::{
    RTL_QUERY_REGISTRY_DIRECT, RTL_QUERY_REGISTRY_REQUIRED, RTL_QUERY_REGISTRY_SUBKEY,
    RTL_QUERY_REGISTRY_TABLE, RTL_QUERY_REGISTRY_TOPKEY, RTL_REGISTRY_ABSOLUTE,
    RTL_REGISTRY_HANDLE, RTL_REGISTRY_OPTIONAL, RTL_REGISTRY_SERVICES,
};
use windows_sys::Win32::Foundation::{
    STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS,
};

use crate::exports::data::strings;
use crate::exports::exports;
use crate::exports::keys::{self, REG_DWORD};
use crate::findings::stop;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::with;
use crate::objects::registry::SERVICES;

exports! {
    "RtlQueryRegistryValues" <= PASSIVE_LEVEL => rtl_query_registry_values: i32;
}

type QueryRoutine = unsafe extern "win64" fn(
    name: *const u16,
    kind: u32,
    data: *const c_void,
    length: u32,
    context: *mut c_void,
    entry_context: *mut c_void,
) -> i32;

unsafe extern "win64" fn rtl_query_registry_values(
    relative_to: u32,
    path: *const u16,
    table: *const RTL_QUERY_REGISTRY_TABLE,
    context: *mut c_void,
    _environment: *mut c_void,
) -> i32 {
    // SAFETY: the path is what `relative_to` says, as documented.
    let top = match unsafe { key(relative_to, path) } {
        Ok(top) => top,
        Err(status) => return status,
    };
    if !with(|state| state.objects.registry.has(&top)) {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    let mut here = top.clone();
    for index in 0.. {
        // SAFETY: the table ends with an entry that has neither name nor
        // routine, as documented.
        let entry = unsafe { &*table.add(index) };
        if entry.Name.is_null() && entry.QueryRoutine.is_none() {
            break;
        }
        // SAFETY: the entry's name ends with a zero, as documented.
        let name = unsafe { strings::wide_text(entry.Name) };
        if entry.Flags & (RTL_QUERY_REGISTRY_TOPKEY | RTL_QUERY_REGISTRY_SUBKEY) != 0 {
            here.clone_from(&top);
        }
        if entry.Flags & RTL_QUERY_REGISTRY_SUBKEY != 0 {
            here = format!(r"{top}\{name}");
            if !with(|state| state.objects.registry.has(&here)) {
                return STATUS_OBJECT_NAME_NOT_FOUND;
            }
            continue;
        }
        let value = with(|state| state.objects.registry.value(&here, &name));
        // SAFETY: the entry is valid, as documented.
        let status = unsafe { answer(entry, value, context) };
        if status < 0 {
            return status;
        }
    }
    STATUS_SUCCESS
}

/// The path of the key that the query starts at.
///
/// # Safety
///
/// The path is a handle or ends with a zero, as `relative_to` says.
unsafe fn key(relative_to: u32, path: *const u16) -> Result<String, i32> {
    if relative_to & RTL_REGISTRY_HANDLE != 0 {
        return keys::path(path.addr()).ok_or(STATUS_INVALID_HANDLE);
    }
    // SAFETY: the path is a handle or ends with a zero, as `relative_to` says,
    // by this function's contract.
    let path = unsafe { strings::wide_text(path) };
    match relative_to & !RTL_REGISTRY_OPTIONAL {
        RTL_REGISTRY_ABSOLUTE => Ok(path),
        RTL_REGISTRY_SERVICES => Ok(format!(r"{SERVICES}\{path}")),
        _ => Err(STATUS_INVALID_PARAMETER),
    }
}

/// Passes a value to the caller's query routine or buffer.
///
/// # Safety
///
/// The entry is valid.
unsafe fn answer(
    entry: &RTL_QUERY_REGISTRY_TABLE,
    value: Option<u32>,
    context: *mut c_void,
) -> i32 {
    let direct = entry.Flags & RTL_QUERY_REGISTRY_DIRECT != 0;
    if direct && entry.QueryRoutine.is_some() {
        let what = "RTL_QUERY_REGISTRY_DIRECT was used with a query routine";
        stop("0xC4", what.to_owned());
    }
    let value = match value {
        Some(value) => value,
        None if entry.DefaultType == REG_DWORD && !entry.DefaultData.is_null() => {
            // SAFETY: the entry is valid, by this function's contract: the
            // default has the default's type.
            unsafe { entry.DefaultData.cast::<u32>().read_unaligned() }
        }
        None if entry.Flags & RTL_QUERY_REGISTRY_REQUIRED != 0 => {
            return STATUS_OBJECT_NAME_NOT_FOUND;
        }
        None => return STATUS_SUCCESS,
    };
    if direct {
        // SAFETY: the entry is valid, by this function's contract: the target
        // takes a number.
        unsafe { entry.EntryContext.cast::<u32>().write_unaligned(value) };
        return STATUS_SUCCESS;
    }
    let Some(routine) = entry.QueryRoutine else {
        return STATUS_INVALID_PARAMETER;
    };
    // SAFETY: the routine has Windows' calling convention, whatever the host's
    // `extern "system"` is, and this type.
    let routine: QueryRoutine = unsafe { mem::transmute(routine) };
    // SAFETY: the entry is valid, by this function's contract.
    unsafe {
        routine(
            entry.Name,
            REG_DWORD,
            (&raw const value).cast(),
            4,
            context,
            entry.EntryContext,
        )
    }
}
