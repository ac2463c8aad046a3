// SPDX-License-Identifier: MIT OR Apache-2.0

//! Values of keys by handles.

use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_NO_MORE_ENTRIES, STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_SUCCESS, UNICODE_STRING,
};

use super::information::{self, Buffer};
use super::keys::path;
use super::watches;
use crate::exports::data::strings;
use crate::exports::exports;
use crate::exports::memory::access::copy;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::with;
use crate::objects::registry::Value;
use crate::objects::watches::Change;
use crate::verifier::faults::{self, FaultKind};

exports! {
    "ZwQueryValueKey" <= PASSIVE_LEVEL => query: i32;
    "ZwEnumerateValueKey" <= PASSIVE_LEVEL => enumerate: i32;
    "ZwSetValueKey" <= PASSIVE_LEVEL => set_value: i32;
    "ZwDeleteValueKey" <= PASSIVE_LEVEL => delete: i32;
}

unsafe extern "win64" fn query(
    handle: usize,
    name: *const UNICODE_STRING,
    class: u32,
    at: usize,
    length: u32,
    needed: usize,
) -> i32 {
    // SAFETY: the name is valid, as documented.
    let name = unsafe { strings::text(name) };
    let found = with(|state| {
        let path = path(state, handle)?;
        let value = state.objects.registry.value(&path, &name);
        let value = value.ok_or(STATUS_OBJECT_NAME_NOT_FOUND)?;
        Ok(information::of_value(class, value))
    });
    information::answer(found, Buffer { at, length, needed })
}

unsafe extern "win64" fn enumerate(
    handle: usize,
    index: u32,
    class: u32,
    at: usize,
    length: u32,
    needed: usize,
) -> i32 {
    let found = with(|state| {
        let path = path(state, handle)?;
        let value = state.objects.registry.values(&path).nth(index as usize);
        let value = value.ok_or(STATUS_NO_MORE_ENTRIES)?;
        Ok(information::of_value(class, value))
    });
    information::answer(found, Buffer { at, length, needed })
}

/// A value with data of the driver's.
pub(super) fn new_value(name: String, kind: u32, data: usize, length: u32) -> Value {
    let mut bytes = vec![0; length as usize];
    // SAFETY: the data has that length, as documented.
    unsafe { copy(data as *const u8, bytes.as_mut_ptr(), bytes.len()) };
    Value {
        name,
        kind,
        data: bytes,
    }
}

unsafe extern "win64" fn set_value(
    handle: usize,
    name: *const UNICODE_STRING,
    _title: u32,
    kind: u32,
    data: usize,
    length: u32,
) -> i32 {
    // SAFETY: the name is valid, as documented.
    let name = unsafe { strings::text(name) };
    let value = new_value(name, kind, data, length);
    finish(with(|state| {
        let path = path(state, handle)?;
        if faults::fails(state, FaultKind::Allocation) {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        state.objects.registry.set_value(&path, value);
        Ok(path)
    }))
}

unsafe extern "win64" fn delete(handle: usize, name: *const UNICODE_STRING) -> i32 {
    // SAFETY: the name is valid, as documented.
    let name = unsafe { strings::text(name) };
    finish(with(|state| {
        let path = path(state, handle)?;
        let is_deleted = state.objects.registry.delete_value(&path, &name);
        is_deleted
            .then_some(path)
            .ok_or(STATUS_OBJECT_NAME_NOT_FOUND)
    }))
}

/// A value of a key was changed, or why not. Returns the status.
pub(super) fn finish(changed: Result<String, i32>) -> i32 {
    match changed {
        Ok(path) => {
            watches::changed(&path, Change::Value);
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}
