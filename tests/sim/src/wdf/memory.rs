// SPDX-License-Identifier: MIT OR Apache-2.0

//! Memory objects and strings of the framework.

use kmdf::abi::WDF_OBJECT_ATTRIBUTES;
use windows_sys::Win32::Foundation::{
    STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_BUFFER_SIZE,
    STATUS_INVALID_PARAMETER, STATUS_SUCCESS, UNICODE_STRING,
};

use super::objects::{self, Kind};
use crate::exports::exports;
use crate::findings::caller::caller;
use crate::hardware::irql::{DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::kernel::with;
use crate::memory::pool::FreeError;

exports! {
    of "wdf01000.sys":
    "WdfMemoryCreate" <= DISPATCH_LEVEL => create: i32;
    "WdfMemoryCreatePreallocated" <= DISPATCH_LEVEL => create_preallocated: i32;
    "WdfMemoryAssignBuffer" <= DISPATCH_LEVEL => assign: i32;
    "WdfMemoryGetBuffer" <= DISPATCH_LEVEL => buffer: usize;
    "WdfMemoryCopyToBuffer" <= DISPATCH_LEVEL => copy_to: i32;
    "WdfMemoryCopyFromBuffer" <= DISPATCH_LEVEL => copy_from: i32;
    "WdfStringCreate" <= PASSIVE_LEVEL => create_string: i32;
    "WdfStringGetUnicodeString" <= PASSIVE_LEVEL => unicode_string: ();
}

const TAG: u32 = u32::from_le_bytes(*b"FxMm");

/// The buffer of a memory object or a string.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub(super) at: usize,
    pub(super) size: usize,
    /// It is a block of pool that goes with the object.
    pub(super) is_owned: bool,
}

/// Adds a memory object.
pub(super) fn add(
    globals: usize,
    kind: Kind,
    attributes: &objects::Attributes,
    parent: usize,
    memory: Memory,
) -> Option<usize> {
    let at = objects::create(globals, kind, attributes, parent)?;
    with(|state| state.wdf.memories.insert(at, memory));
    Some(at)
}

/// Makes a buffer; drivers see what is in it before they write it.
pub(super) fn allocate(size: usize, tag: u32) -> Option<Memory> {
    let at = with(|state| state.memory.pool.allocate(size, tag, false, None))?;
    Some(Memory {
        at,
        size,
        is_owned: true,
    })
}

/// Frees the buffer of an object that is destroyed.
pub(super) fn free(memory: Memory) {
    if memory.is_owned {
        with(|state| {
            let by = caller(state);
            let freed = state.memory.pool.free(memory.at, 0, by);
            if let Some((_, place)) = freed.err().and_then(FreeError::written) {
                let what = format!("the buffer of a memory object was written {place}");
                crate::findings::report(state, "wdf", what, by);
            }
        });
    }
}

unsafe extern "win64" fn create(
    globals: usize,
    given: *const WDF_OBJECT_ATTRIBUTES,
    _pool: i32,
    tag: u32,
    size: usize,
    memory: *mut usize,
    buffer: *mut usize,
) -> i32 {
    if size == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: they are null or valid, as documented.
    let given = match unsafe { objects::attributes(given) } {
        Ok(given) => given,
        Err(status) => return status,
    };
    let tag = if tag == 0 { TAG } else { tag };
    let Some(new) = allocate(size, tag) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    let created = add(globals, Kind::Memory, &given, globals, new);
    if created.is_none() {
        free(new);
    } else if !buffer.is_null() {
        // SAFETY: it may be written unless it is null, as documented.
        unsafe { buffer.write(new.at) };
    }
    // SAFETY: it may be written, as documented.
    unsafe { objects::publish(memory, created) }
}

unsafe extern "win64" fn create_preallocated(
    globals: usize,
    given: *const WDF_OBJECT_ATTRIBUTES,
    at: usize,
    size: usize,
    memory: *mut usize,
) -> i32 {
    if at == 0 || size == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: they are null or valid, as documented.
    let given = match unsafe { objects::attributes(given) } {
        Ok(given) => given,
        Err(status) => return status,
    };
    let is_owned = false;
    let new = Memory { at, size, is_owned };
    let created = add(globals, Kind::Memory, &given, globals, new);
    // SAFETY: it may be written, as documented.
    unsafe { objects::publish(memory, created) }
}

fn memory(handle: usize) -> Memory {
    let at = objects::find(handle, Kind::Memory);
    with(|state| state.wdf.memories[&at])
}

unsafe extern "win64" fn assign(_globals: usize, handle: usize, at: usize, size: usize) -> i32 {
    let object = objects::find(handle, Kind::Memory);
    if at == 0 || size == 0 || memory(handle).is_owned {
        return STATUS_INVALID_PARAMETER;
    }
    let is_owned = false;
    let new = Memory { at, size, is_owned };
    with(|state| state.wdf.memories.insert(object, new));
    STATUS_SUCCESS
}

unsafe extern "win64" fn buffer(_globals: usize, handle: usize, size: *mut usize) -> usize {
    let memory = memory(handle);
    if !size.is_null() {
        // SAFETY: it may be written unless it is null, as documented.
        unsafe { size.write(memory.size) };
    }
    memory.at
}

/// Returns `true` if a memory object has so many bytes from an offset on.
fn has(memory: Memory, offset: usize, count: usize) -> bool {
    offset
        .checked_add(count)
        .is_some_and(|end| end <= memory.size)
}

unsafe extern "win64" fn copy_to(
    _globals: usize,
    handle: usize,
    offset: usize,
    to: *mut u8,
    count: usize,
) -> i32 {
    let memory = memory(handle);
    if count == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    if !has(memory, offset, count) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    // SAFETY: the object and the driver's buffer have `count` bytes, as documented.
    unsafe { to.copy_from((memory.at + offset) as *const u8, count) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn copy_from(
    _globals: usize,
    handle: usize,
    offset: usize,
    from: *const u8,
    count: usize,
) -> i32 {
    let memory = memory(handle);
    if count == 0 {
        return STATUS_INVALID_PARAMETER;
    }
    if !has(memory, offset, count) {
        return STATUS_INVALID_BUFFER_SIZE;
    }
    // SAFETY: the object and the driver's buffer have `count` bytes, as documented.
    unsafe { from.copy_to((memory.at + offset) as *mut u8, count) };
    STATUS_SUCCESS
}

unsafe extern "win64" fn create_string(
    globals: usize,
    text: *const UNICODE_STRING,
    given: *const WDF_OBJECT_ATTRIBUTES,
    string: *mut usize,
) -> i32 {
    // SAFETY: they are null or valid, as documented.
    let given = match unsafe { objects::attributes(given) } {
        Ok(given) => given,
        Err(status) => return status,
    };
    // SAFETY: the text is null or valid, as documented.
    let (length, from) = match unsafe { text.as_ref() } {
        Some(text) => (usize::from(text.Length), text.Buffer),
        None => (0, std::ptr::null_mut()),
    };
    let Some(new) = allocate(length + 2, TAG) else {
        return STATUS_INSUFFICIENT_RESOURCES;
    };
    let to = new.at as *mut u16;
    if length != 0 {
        // SAFETY: the block has room for both, and the text has its length, as
        // documented.
        unsafe { to.copy_from(from, length / 2) };
    }
    // SAFETY: as above.
    unsafe { to.add(length / 2).write(0) };
    let created = add(globals, Kind::String, &given, globals, new);
    if created.is_none() {
        free(new);
    }
    // SAFETY: it may be written, as documented.
    unsafe { objects::publish(string, created) }
}

unsafe extern "win64" fn unicode_string(_globals: usize, handle: usize, to: *mut UNICODE_STRING) {
    let at = objects::find(handle, Kind::String);
    let memory = with(|state| state.wdf.memories[&at]);
    let size = u16::try_from(memory.size).unwrap_or(u16::MAX);
    let value = UNICODE_STRING {
        Length: size - 2,
        MaximumLength: size,
        Buffer: memory.at as *mut u16,
    };
    // SAFETY: it may be written, as documented.
    unsafe { to.write(value) };
}
