// SPDX-License-Identifier: MIT OR Apache-2.0

//! Keys by handles.

use windows_sys::Wdk::Foundation::OBJECT_ATTRIBUTES;
use windows_sys::Win32::Foundation::{
    STATUS_CANNOT_DELETE, STATUS_CHILD_MUST_BE_VOLATILE, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_HANDLE, STATUS_KEY_DELETED, STATUS_NO_MORE_ENTRIES,
    STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS, UNICODE_STRING,
};

use super::information::{self, Buffer};
use super::watches;
use crate::exports::data::strings;
use crate::exports::exports;
use crate::exports::memory::access::set;
use crate::findings::caller::caller;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::{State, with};
use crate::objects::handles::Object;
use crate::objects::registry::is_built_in;
use crate::objects::watches::Change;
use crate::verifier::faults::{self, FaultKind};

exports! {
    "ZwOpenKey" <= PASSIVE_LEVEL => open: i32;
    "ZwOpenKeyEx" <= PASSIVE_LEVEL => open: i32;
    "ZwCreateKey" <= PASSIVE_LEVEL => create: i32;
    "ZwDeleteKey" <= PASSIVE_LEVEL => delete: i32;
    "ZwFlushKey" <= PASSIVE_LEVEL => flush: i32;
    "ZwQueryKey" <= PASSIVE_LEVEL => query: i32;
    "ZwEnumerateKey" <= PASSIVE_LEVEL => enumerate: i32;
}

/// The path of the key that `handle` stands for, or the status of a function that is given it.
pub(super) fn path(state: &State, handle: usize) -> Result<String, i32> {
    match state.objects.handles.get(handle) {
        Some(Object::Key(path)) if state.objects.registry.has(path) => Ok(path.clone()),
        Some(Object::Key(_)) => Err(STATUS_KEY_DELETED),
        Some(_) => Err(STATUS_OBJECT_TYPE_MISMATCH),
        None => Err(STATUS_INVALID_HANDLE),
    }
}

/// The path that attributes name.
///
/// # Safety
///
/// They are valid.
unsafe fn named(attributes: *const OBJECT_ATTRIBUTES) -> Result<String, i32> {
    // SAFETY: the attributes are valid, by this function's contract.
    let attributes = unsafe { &*attributes };
    // SAFETY: the name is valid with them, by this function's contract.
    let name = unsafe { strings::text(attributes.ObjectName.cast::<UNICODE_STRING>()) };
    match attributes.RootDirectory.addr() {
        0 => Ok(name),
        root => {
            let root = with(|state| path(state, root))?;
            Ok(format!(r"{root}\{name}"))
        }
    }
}

/// Opens the key at a path. Returns its handle.
fn open_path(state: &mut State, path: String) -> usize {
    let by = caller(state);
    state.objects.handles.open(Object::Key(path), by)
}

unsafe extern "win64" fn open(
    handle: usize,
    _access: u32,
    attributes: *const OBJECT_ATTRIBUTES,
) -> i32 {
    // SAFETY: the attributes are valid, as documented.
    let path = match unsafe { named(attributes) } {
        Ok(path) => path,
        Err(status) => return status,
    };
    let opened = with(|state| {
        let is_there = state.objects.registry.has(&path);
        is_there.then(|| open_path(state, path))
    });
    let Some(opened) = opened else {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    };
    set(handle, opened);
    STATUS_SUCCESS
}

/// `REG_OPTION_VOLATILE`.
const VOLATILE: u32 = 1;

unsafe extern "win64" fn create(
    handle: usize,
    _access: u32,
    attributes: *const OBJECT_ATTRIBUTES,
    _title: u32,
    _class: usize,
    options: u32,
    disposition: usize,
) -> i32 {
    // SAFETY: the attributes are valid, as documented.
    let path = match unsafe { named(attributes) } {
        Ok(path) => path,
        Err(status) => return status,
    };
    let created = with(|state| create_path(state, &path, options));
    let (opened, is_new) = match created {
        Ok(created) => created,
        Err(status) => return status,
    };
    if is_new {
        names_changed(&path);
    }
    set(handle, opened);
    if disposition != 0 {
        // `REG_CREATED_NEW_KEY` or `REG_OPENED_EXISTING_KEY`.
        set(disposition, if is_new { 1_u32 } else { 2 });
    }
    STATUS_SUCCESS
}

/// Opens a key, which is new if it is not there. Returns its handle and whether it is new.
fn create_path(state: &mut State, path: &str, options: u32) -> Result<(usize, bool), i32> {
    if faults::fails(state, FaultKind::Handle) {
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    }
    let is_new = add(state, path, options & VOLATILE != 0)?;
    Ok((open_path(state, path.to_owned()), is_new))
}

/// Adds a key. Returns `false` if it is there.
pub(super) fn add(state: &mut State, path: &str, is_volatile: bool) -> Result<bool, i32> {
    let registry = &mut state.objects.registry;
    if registry.has(path) {
        return Ok(false);
    }
    let above = path.rsplit_once('\\').map_or("", |(above, _)| above);
    if registry.is_volatile(above) && !is_volatile {
        return Err(STATUS_CHILD_MUST_BE_VOLATILE);
    }
    if registry.create(path, is_volatile) {
        Ok(true)
    } else {
        Err(STATUS_OBJECT_NAME_NOT_FOUND)
    }
}

/// The handle stays open.
unsafe extern "win64" fn delete(handle: usize) -> i32 {
    let deleted = with(|state| {
        let path = path(state, handle)?;
        if is_built_in(&path) || !state.objects.registry.subkeys(&path).is_empty() {
            return Err(STATUS_CANNOT_DELETE);
        }
        state.objects.registry.delete(&path);
        Ok(path)
    });
    match deleted {
        Ok(path) => {
            names_changed(&path);
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// A key has come or gone at a path.
fn names_changed(path: &str) {
    let above = path.rsplit_once('\\').map_or("", |(above, _)| above);
    watches::changed(above, Change::Name);
}

unsafe extern "win64" fn flush(handle: usize) -> i32 {
    with(|state| path(state, handle).err().unwrap_or(STATUS_SUCCESS))
}

unsafe extern "win64" fn query(
    handle: usize,
    class: u32,
    at: usize,
    length: u32,
    needed: usize,
) -> i32 {
    let found = with(|state| {
        let path = path(state, handle)?;
        let name = path.rsplit('\\').next().unwrap_or_default();
        let registry = &state.objects.registry;
        Ok(information::of_key(registry, class, &path, name))
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
        let registry = &state.objects.registry;
        let names = registry.subkeys(&path);
        let name = names.get(index as usize).ok_or(STATUS_NO_MORE_ENTRIES)?;
        let path = format!(r"{path}\{name}");
        Ok(information::of_key(registry, class, &path, name))
    });
    information::answer(found, Buffer { at, length, needed })
}
