// SPDX-License-Identifier: MIT OR Apache-2.0

//! Device objects by handle, and their access control.

use std::ffi::c_void;

use windows_sys::Win32::Foundation::{
    STATUS_ACCESS_DENIED, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_HANDLE,
    STATUS_OBJECT_TYPE_MISMATCH, STATUS_SUCCESS,
};

use crate::exports::exports;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::PASSIVE_LEVEL;
use crate::kernel::with;
use crate::memory::variables;
use crate::objects::handles::Object;
use crate::objects::kernel_objects::ObjectKind;
use crate::objects::security::Dacl;
use crate::verifier::faults;
use crate::verifier::faults::FaultKind;

exports! {
    "ObOpenObjectByPointer" <= PASSIVE_LEVEL => ob_open_object_by_pointer: i32;
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
