// SPDX-License-Identifier: MIT OR Apache-2.0

//! Device objects by handle, and their access control; the names of objects.

use std::ffi::c_void;

use windows_sys::Win32::Foundation::{
    STATUS_ACCESS_DENIED, STATUS_INFO_LENGTH_MISMATCH, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS, UNICODE_STRING,
};

use crate::exports::data::strings;
use crate::exports::exports;
use crate::exports::memory::access::set;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::{State, with};
use crate::memory::variables;
use crate::objects::handles::Object;
use crate::objects::kernel_objects::ObjectKind;
use crate::objects::registry;
use crate::objects::security::Dacl;
use crate::verifier::faults;
use crate::verifier::faults::FaultKind;

exports! {
    "ObOpenObjectByPointer" <= PASSIVE_LEVEL => ob_open_object_by_pointer: i32;
    "ObQueryNameString" <= PASSIVE_LEVEL => ob_query_name_string: i32;
    "ZwSetSecurityObject" <= PASSIVE_LEVEL => zw_set_security_object: i32;
}

const DACL_SECURITY_INFORMATION: u32 = 4;
const WRITE_DAC: u32 = 0x0004_0000;

unsafe extern "win64" fn ob_open_object_by_pointer(
    object: usize,
    _attributes: u32,
    _state: *const c_void,
    access: u32,
    object_type: usize,
    _mode: i8,
    handle: *mut usize,
) -> i32 {
    let opened = with(|state| {
        if !state.objects.created.is(object, ObjectKind::Device) {
            return Ok(None);
        }
        if object_type != 0 && object_type != variables::object_type(state, "IoDeviceObjectType") {
            return Err(STATUS_OBJECT_TYPE_MISMATCH);
        }
        if faults::fails(state, FaultKind::Handle) {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        let device = Object::Device {
            address: object,
            access,
        };
        let by = caller(state);
        Ok(Some(state.objects.handles.open(device, by)))
    });
    match opened {
        Ok(Some(opened)) => {
            // SAFETY: the handle may be written, as documented.
            unsafe { handle.write(opened) };
            STATUS_SUCCESS
        }
        Ok(None) => stop(
            ("0x18", [0, object, 0, 0]),
            format!("{object:#x} was opened, which is no device object"),
        ),
        Err(status) => status,
    }
}

/// The name of an object; empty if it has none. `None` if there is no such object.
fn name_of(state: &State, object: usize) -> Option<String> {
    let objects = &state.objects;
    let files = &state.io.files;
    if let Some(&driver) = state.loader.objects.get(&object) {
        let driver = &state.loader.drivers[driver];
        let service = registry::service(driver.instance);
        let name = service.rsplit('\\').next().unwrap_or_default();
        return Some(format!(r"\Driver\{name}"));
    }
    let device = if files.has(object) {
        files.device(object)
    } else {
        object
    };
    let is_known = objects.created.is(device, ObjectKind::Device)
        || files.keeps(device)
        || objects.handles.has(object);
    let name = objects.names.of_device(device);
    let name = name.or_else(|| objects.events.name(object));
    is_known.then(|| name.unwrap_or_default().to_owned())
}

/// Writes the name of an object and a zero behind a counted string.
unsafe extern "win64" fn ob_query_name_string(
    object: usize,
    information: usize,
    length: u32,
    needed: usize,
) -> i32 {
    let Some(name) = with(|state| name_of(state, object)) else {
        stop(
            ("0x18", [0, object, 0, 0]),
            format!("ObQueryNameString was called for {object:#x}, which is no object"),
        )
    };
    let units: Vec<_> = name.encode_utf16().chain([0]).collect();
    let units = if name.is_empty() { &[] } else { &*units };
    let size = size_of::<UNICODE_STRING>() + size_of_val(units);
    set(needed, u32::try_from(size).expect("a name is short"));
    if (length as usize) < size {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    if units.is_empty() {
        set(information, [0_usize; 2]);
    } else {
        strings::write_counted(information, units);
    }
    STATUS_SUCCESS
}

unsafe extern "win64" fn zw_set_security_object(
    handle: usize,
    information: u32,
    descriptor: *const c_void,
) -> i32 {
    let device = with(|state| match state.objects.handles.get(handle) {
        None => Err(STATUS_INVALID_HANDLE),
        Some(&Object::Device { address, access }) if access & WRITE_DAC != 0 => Ok(address),
        Some(Object::Device { .. }) => Err(STATUS_ACCESS_DENIED),
        Some(_) => Err(STATUS_OBJECT_TYPE_MISMATCH),
    });
    let device = match device {
        Ok(_) if with(|state| faults::fails(state, FaultKind::Security)) => {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        Ok(device) => device,
        Err(status) => return status,
    };
    // SAFETY: the descriptor is readable, as documented.
    match unsafe { Dacl::read(descriptor) } {
        Ok(list) if information & DACL_SECURITY_INFORMATION != 0 => {
            with(|state| state.objects.protections.insert(device, list));
            STATUS_SUCCESS
        }
        Ok(_) => STATUS_SUCCESS,
        Err(status) => status,
    }
}
