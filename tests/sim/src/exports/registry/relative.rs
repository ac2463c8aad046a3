// SPDX-License-Identifier: MIT OR Apache-2.0

//! Keys and values by paths that begin at a well-known key.

use windows_sys::Wdk::System::SystemServices::{
    RTL_REGISTRY_ABSOLUTE, RTL_REGISTRY_CONTROL, RTL_REGISTRY_HANDLE, RTL_REGISTRY_OPTIONAL,
    RTL_REGISTRY_SERVICES, RTL_REGISTRY_WINDOWS_NT,
};
use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_SUCCESS,
};

use super::{keys, values};
use crate::exports::data::strings;
use crate::exports::exports;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::with;
use crate::objects::registry::SERVICES;
use crate::verifier::faults::{self, FaultKind};

exports! {
    "RtlCheckRegistryKey" <= PASSIVE_LEVEL => check: i32;
    "RtlCreateRegistryKey" <= PASSIVE_LEVEL => create: i32;
    "RtlWriteRegistryValue" <= PASSIVE_LEVEL => write: i32;
    "RtlDeleteRegistryValue" <= PASSIVE_LEVEL => delete: i32;
}

/// The path of the key that a function is given.
///
/// # Safety
///
/// The path is a handle or ends with a zero, as `relative_to` says.
pub(super) unsafe fn key(relative_to: u32, path: *const u16) -> Result<String, i32> {
    if relative_to & RTL_REGISTRY_HANDLE != 0 {
        return with(|state| keys::path(state, path.addr()));
    }
    // SAFETY: the path is a handle or ends with a zero, as `relative_to` says,
    // by this function's contract.
    let path = unsafe { strings::wide_text(path) };
    let top = match relative_to & !RTL_REGISTRY_OPTIONAL {
        RTL_REGISTRY_ABSOLUTE => return Ok(path),
        RTL_REGISTRY_SERVICES => SERVICES,
        RTL_REGISTRY_CONTROL => r"\Registry\Machine\System\CurrentControlSet\Control",
        RTL_REGISTRY_WINDOWS_NT => {
            r"\Registry\Machine\Software\Microsoft\Windows NT\CurrentVersion"
        }
        _ => return Err(STATUS_INVALID_PARAMETER),
    };
    Ok(if path.is_empty() {
        top.to_owned()
    } else {
        format!(r"{top}\{path}")
    })
}

unsafe extern "win64" fn check(relative_to: u32, path: *const u16) -> i32 {
    // SAFETY: the path is what `relative_to` says, as documented.
    match unsafe { key(relative_to, path) } {
        Ok(key) if with(|state| state.objects.registry.has(&key)) => STATUS_SUCCESS,
        Ok(_) => STATUS_OBJECT_NAME_NOT_FOUND,
        Err(status) => status,
    }
}

unsafe extern "win64" fn create(relative_to: u32, path: *const u16) -> i32 {
    // SAFETY: the path is what `relative_to` says, as documented.
    let added = unsafe { key(relative_to, path) }
        .and_then(|key| with(|state| keys::add(state, &key, false)));
    added.err().unwrap_or(STATUS_SUCCESS)
}

unsafe extern "win64" fn write(
    relative_to: u32,
    path: *const u16,
    name: *const u16,
    kind: u32,
    data: usize,
    length: u32,
) -> i32 {
    // SAFETY: the path is what `relative_to` says, as documented.
    let key = match unsafe { key(relative_to, path) } {
        Ok(key) => key,
        Err(status) => return status,
    };
    // SAFETY: the name ends with a zero, as documented.
    let name = unsafe { strings::wide_text(name) };
    let value = values::new_value(name, kind, data, length);
    values::finish(with(|state| {
        if faults::fails(state, FaultKind::Allocation) {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        keys::add(state, &key, false)?;
        state.objects.registry.set_value(&key, value);
        Ok(key)
    }))
}

unsafe extern "win64" fn delete(relative_to: u32, path: *const u16, name: *const u16) -> i32 {
    // SAFETY: the path is what `relative_to` says, as documented.
    let key = match unsafe { key(relative_to, path) } {
        Ok(key) => key,
        Err(status) => return status,
    };
    // SAFETY: the name ends with a zero, as documented.
    let name = unsafe { strings::wide_text(name) };
    values::finish(with(|state| {
        let is_deleted = state.objects.registry.delete_value(&key, &name);
        is_deleted
            .then_some(key)
            .ok_or(STATUS_OBJECT_NAME_NOT_FOUND)
    }))
}
