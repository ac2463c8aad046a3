// SPDX-License-Identifier: MIT OR Apache-2.0

//! `RtlQueryRegistryValues`: the registry by table.

use std::ffi::c_void;

use windows_sys::Wdk::System::SystemServices::{
    RTL_QUERY_REGISTRY_DIRECT, RTL_QUERY_REGISTRY_REQUIRED, RTL_QUERY_REGISTRY_SUBKEY,
    RTL_QUERY_REGISTRY_TABLE, RTL_QUERY_REGISTRY_TOPKEY,
};
use windows_sys::Win32::Foundation::{
    STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER, STATUS_NO_MEMORY,
    STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS, UNICODE_STRING,
};

use super::relative;
use crate::exports::data::strings;
use crate::exports::exports;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::with;
use crate::objects::registry::{REG_DWORD, REG_SZ};
use crate::verifier::driver_call;

exports! {
    "RtlQueryRegistryValues" <= PASSIVE_LEVEL => rtl_query_registry_values: i32;
}

unsafe extern "win64" fn rtl_query_registry_values(
    relative_to: u32,
    path: *const u16,
    table: *const RTL_QUERY_REGISTRY_TABLE,
    context: *mut c_void,
    _environment: *mut c_void,
) -> i32 {
    // SAFETY: the path is what `relative_to` says, as documented.
    let top = match unsafe { relative::key(relative_to, path) } {
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
        let value = with(|state| {
            let value = state.objects.registry.value(&here, &name)?;
            Some((value.kind, value.data.clone()))
        });
        // SAFETY: the entry is valid, as documented.
        let status = unsafe { answer(entry, value, context) };
        if status < 0 {
            return status;
        }
    }
    STATUS_SUCCESS
}

/// Passes a value to the caller's query routine or buffer.
///
/// # Safety
///
/// The entry is valid.
unsafe fn answer(
    entry: &RTL_QUERY_REGISTRY_TABLE,
    value: Option<(u32, Vec<u8>)>,
    context: *mut c_void,
) -> i32 {
    let direct = entry.Flags & RTL_QUERY_REGISTRY_DIRECT != 0;
    if direct && entry.QueryRoutine.is_some() {
        let what = "RTL_QUERY_REGISTRY_DIRECT was used with a query routine";
        stop("0xC4", what.to_owned());
    }
    let (kind, data) = match value {
        Some(value) => value,
        None if entry.DefaultType == REG_DWORD && !entry.DefaultData.is_null() => {
            // SAFETY: the entry is valid, by this function's contract: the
            // default has the default's type.
            let number = unsafe { entry.DefaultData.cast::<u32>().read_unaligned() };
            (REG_DWORD, number.to_le_bytes().to_vec())
        }
        None if entry.Flags & RTL_QUERY_REGISTRY_REQUIRED != 0 => {
            return STATUS_OBJECT_NAME_NOT_FOUND;
        }
        None => return STATUS_SUCCESS,
    };
    if direct && kind == REG_SZ {
        // SAFETY: the entry is valid, by this function's contract: the target is a
        // counted string.
        return unsafe { store_text(entry.EntryContext.cast(), &data) };
    }
    if direct {
        let target = entry.EntryContext.cast::<u8>();
        // SAFETY: the entry is valid, by this function's contract: the target
        // takes a number.
        unsafe { target.copy_from(data.as_ptr(), data.len()) };
        return STATUS_SUCCESS;
    }
    let Some(routine) = entry.QueryRoutine else {
        return STATUS_INVALID_PARAMETER;
    };
    let by = with(|state| caller(state));
    let arguments = [
        entry.Name.addr(),
        kind as usize,
        data.as_ptr().addr(),
        data.len(),
        context.addr(),
        entry.EntryContext.addr(),
    ];
    // SAFETY: a routine of a query takes these, and the entry is valid, by this function's
    // contract.
    let result = unsafe { driver_call::call("QueryRoutine", routine as usize, by, &arguments) };
    driver_call::status(result)
}

/// Stores text in a counted string: in its buffer, or in a new one if it has none, which
/// the caller frees.
///
/// # Safety
///
/// The string may be written, and its buffer is null or has `MaximumLength` bytes.
unsafe fn store_text(string: *mut UNICODE_STRING, text: &[u8]) -> i32 {
    const TAG: u32 = u32::from_le_bytes(*b"RtlQ");

    // SAFETY: the string may be written, by this function's contract.
    let string = unsafe { &mut *string };
    let size = u16::try_from(text.len()).expect("an argument of the program is short");
    if string.Buffer.is_null() {
        let new = with(|state| {
            let by = caller(state);
            state.memory.pool.allocate(text.len(), TAG, true, by)
        });
        let Some(new) = new else {
            return STATUS_NO_MEMORY;
        };
        string.Buffer = new as *mut u16;
        string.MaximumLength = size;
    } else if string.MaximumLength < size {
        return STATUS_BUFFER_TOO_SMALL;
    }
    let buffer = string.Buffer.cast::<u8>();
    // SAFETY: the buffer has at least that many bytes.
    unsafe { buffer.copy_from(text.as_ptr(), text.len()) };
    // The length is without the zero.
    string.Length = size - 2;
    STATUS_SUCCESS
}
