// SPDX-License-Identifier: MIT OR Apache-2.0

//! The registry by handles.

use std::ffi::c_void;

use scenarios::RegistryData;
use windows_sys::Wdk::Foundation::OBJECT_ATTRIBUTES;
use windows_sys::Win32::Foundation::{
    STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS, UNICODE_STRING,
};

use crate::exports::data::strings;
use crate::exports::exports;
use crate::findings::caller::caller;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::with;
use crate::objects::handles::Object;

exports! {
    "ZwOpenKey" <= PASSIVE_LEVEL => zw_open_key: i32;
    "ZwQueryValueKey" <= PASSIVE_LEVEL => zw_query_value_key: i32;
}

const KEY_VALUE_PARTIAL: i32 = 2;
pub(in crate::exports) const REG_DWORD: u32 = 4;
pub(in crate::exports) const REG_SZ: u32 = 1;

/// The type and the bytes of the data of a value.
pub(in crate::exports) fn stored(data: &RegistryData) -> (u32, Vec<u8>) {
    match data {
        RegistryData::Number(number) => (REG_DWORD, number.to_le_bytes().to_vec()),
        RegistryData::Text(text) => {
            let units = text.encode_utf16().chain([0]);
            (REG_SZ, units.flat_map(u16::to_le_bytes).collect())
        }
    }
}

/// The path of the key that `handle` stands for.
pub(in crate::exports) fn path(handle: usize) -> Option<String> {
    with(|state| match state.objects.handles.get(handle) {
        Some(Object::Key(path)) => Some(path.clone()),
        _ => None,
    })
}

unsafe extern "win64" fn zw_open_key(
    handle: *mut usize,
    _access: u32,
    attributes: *const OBJECT_ATTRIBUTES,
) -> i32 {
    // SAFETY: the attributes are valid, as documented.
    let attributes = unsafe { &*attributes };
    // SAFETY: as above.
    let name = unsafe { strings::text(attributes.ObjectName.cast::<UNICODE_STRING>()) };
    let path = match attributes.RootDirectory.addr() {
        0 => name,
        root => match path(root) {
            Some(root) => format!(r"{root}\{name}"),
            None => return STATUS_INVALID_HANDLE,
        },
    };
    let opened = with(|state| {
        let by = caller(state);
        state
            .objects
            .registry
            .has(&path)
            .then(|| state.objects.handles.open(Object::Key(path), by))
    });
    match opened {
        Some(opened) => {
            // SAFETY: the handle may be written, as documented.
            unsafe { handle.write(opened) };
            STATUS_SUCCESS
        }
        None => STATUS_OBJECT_NAME_NOT_FOUND,
    }
}

unsafe extern "win64" fn zw_query_value_key(
    handle: usize,
    name: *const UNICODE_STRING,
    class: i32,
    information: *mut c_void,
    length: u32,
    result_length: *mut u32,
) -> i32 {
    /// What comes before the data in `KEY_VALUE_PARTIAL_INFORMATION`.
    const HEADER: usize = 12;

    if class != KEY_VALUE_PARTIAL {
        return STATUS_INVALID_PARAMETER;
    }
    let Some(path) = path(handle) else {
        return STATUS_INVALID_HANDLE;
    };
    // SAFETY: the name is valid, as documented.
    let name = unsafe { strings::text(name) };
    let Some((kind, data)) = with(|state| {
        let data = state.objects.registry.data(&path, &name);
        data.map(stored)
    }) else {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    };
    let size = u32::try_from(data.len()).expect("an argument of the program is short");
    // `TitleIndex`, `Type`, `DataLength`, `Data`.
    let mut bytes: Vec<u8> = [0, kind, size]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect();
    bytes.extend(data);
    let needed = u32::try_from(bytes.len()).expect("it is little more");
    // SAFETY: the length may be written, as documented.
    unsafe { result_length.write(needed) };
    if (length as usize) < HEADER {
        return STATUS_BUFFER_TOO_SMALL;
    }
    let fitting = bytes.len().min(length as usize);
    // SAFETY: the buffer has `length` bytes, as documented.
    unsafe { information.cast::<u8>().copy_from(bytes.as_ptr(), fitting) };
    if length < needed {
        STATUS_BUFFER_OVERFLOW
    } else {
        STATUS_SUCCESS
    }
}
