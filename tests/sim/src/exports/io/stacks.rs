// SPDX-License-Identifier: MIT OR Apache-2.0

//! Device stacks: attaching a device on top of another one, and finding devices by name.

use windows_sys::Wdk::Foundation::DEVICE_OBJECT;
use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_NO_SUCH_DEVICE, STATUS_SUCCESS, UNICODE_STRING,
};

use crate::exports::data::strings;
use crate::exports::exports;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{DISPATCH_LEVEL, PASSIVE_LEVEL};
use crate::io::{files, requests, travel};
use crate::kernel::{State, with};
use crate::objects::handles;
use crate::objects::kernel_objects::ObjectKind;
use crate::objects::security::Account;
use crate::verifier::faults::{self, FaultKind};

exports! {
    "IoAttachDevice" <= PASSIVE_LEVEL => io_attach_device: i32;
    "IoAttachDeviceToDeviceStack" <= DISPATCH_LEVEL => attach_to_stack: *mut DEVICE_OBJECT;
    "IoAttachDeviceToDeviceStackSafe" <= DISPATCH_LEVEL => attach_to_stack_safe: i32;
    "IoDetachDevice" <= DISPATCH_LEVEL => io_detach_device: ();
    "IoGetAttachedDevice" <= DISPATCH_LEVEL => io_get_attached_device: usize;
    "IoGetAttachedDeviceReference" <= DISPATCH_LEVEL => io_get_attached_device_reference: usize;
    "IoGetDeviceObjectPointer" <= PASSIVE_LEVEL => io_get_device_object_pointer: i32;
}

/// Attaches a device on top of the stack that another one is in. Returns the device that it
/// is attached to; `None` if that is about to go.
///
/// # Safety
///
/// Both devices are in memory.
unsafe fn attach(state: &mut State, source: *mut DEVICE_OBJECT, target: usize) -> Option<usize> {
    if faults::fails(state, FaultKind::Device) {
        return None;
    }
    let below = travel::top(target);
    if !files::attach(state, source.addr(), below) {
        return None;
    }
    // SAFETY: both devices are in memory, by this function's contract.
    unsafe {
        let below = &mut *(below as *mut DEVICE_OBJECT);
        below.AttachedDevice = source;
        (*source).StackSize = below.StackSize + 1;
        (*source).AlignmentRequirement = below.AlignmentRequirement;
    }
    Some(below)
}

/// Ends the cycle unless both are devices.
fn check_devices(devices: &[usize]) {
    for &device in devices {
        if !with(|state| state.objects.created.is(device, ObjectKind::Device)) {
            let code = ("0xC9", [0x04, device, 0, 0]);
            let what =
                format!("{device:#x} was attached or attached to, which is no device object");
            stop(code, what);
        }
    }
}

unsafe extern "win64" fn attach_to_stack(
    source: *mut DEVICE_OBJECT,
    target: usize,
) -> *mut DEVICE_OBJECT {
    check_devices(&[source.addr(), target]);
    // SAFETY: both are devices, as was just checked.
    let below = with(|state| unsafe { attach(state, source, target) });
    below.unwrap_or_default() as *mut DEVICE_OBJECT
}

unsafe extern "win64" fn attach_to_stack_safe(
    source: *mut DEVICE_OBJECT,
    target: usize,
    attached_to: *mut usize,
) -> i32 {
    check_devices(&[source.addr(), target]);
    // SAFETY: both are devices, as was just checked.
    let below = with(|state| unsafe { attach(state, source, target) });
    // SAFETY: the result may be written, as documented. It is there before a request comes.
    unsafe { attached_to.write(below.unwrap_or_default()) };
    below.map_or(STATUS_NO_SUCH_DEVICE, |_| STATUS_SUCCESS)
}

unsafe extern "win64" fn io_attach_device(
    source: *mut DEVICE_OBJECT,
    name: *const UNICODE_STRING,
    attached_to: *mut usize,
) -> i32 {
    // SAFETY: the name is valid, as documented.
    let (file, top) = match unsafe { open(name, 0) } {
        Ok(opened) => opened,
        Err(status) => return status,
    };
    // SAFETY: this passes on the driver's own arguments, under the same documented contract.
    let status = unsafe { attach_to_stack_safe(source, top, attached_to) };
    with(|state| {
        let by = caller(state);
        handles::dereference(state, file, by);
    });
    status
}

unsafe extern "win64" fn io_detach_device(target: *mut DEVICE_OBJECT) {
    check_devices(&[target.addr()]);
    // SAFETY: it is a device, as was just checked.
    let above = unsafe { std::mem::replace(&mut (*target).AttachedDevice, std::ptr::null_mut()) };
    if above.is_null() {
        let code = ("0xC9", [0x202, 0, 0, target.addr()]);
        let what = "IoDetachDevice was called for a device to which nothing is attached";
        stop(code, what.to_owned());
    }
    with(|state| files::detach(state, above.addr()));
}

unsafe extern "win64" fn io_get_attached_device(device: usize) -> usize {
    check_devices(&[device]);
    travel::top(device)
}

unsafe extern "win64" fn io_get_attached_device_reference(device: usize) -> usize {
    check_devices(&[device]);
    let top = travel::top(device);
    with(|state| {
        let by = caller(state);
        state.objects.handles.add_object(top);
        handles::reference(state, top, by);
    });
    top
}

unsafe extern "win64" fn io_get_device_object_pointer(
    name: *const UNICODE_STRING,
    access: u32,
    file_object: *mut usize,
    device_object: *mut usize,
) -> i32 {
    // SAFETY: the name is valid, as documented.
    match unsafe { open(name, access) } {
        Ok((file, top)) => {
            // SAFETY: the results may be written, as documented.
            unsafe {
                file_object.write(file);
                device_object.write(top);
            }
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// Opens the device with this name for the driver that calls, and closes the handle: the
/// driver has a reference to the file object. Returns the file object, and the device on top
/// of the stack.
///
/// # Safety
///
/// The name is valid.
unsafe fn open(name: *const UNICODE_STRING, access: u32) -> Result<(usize, usize), i32> {
    // SAFETY: the name is valid, by this function's contract.
    let name = unsafe { strings::text(name) };
    if with(|state| faults::fails(state, FaultKind::Handle)) {
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    }
    let file = requests::open(&name, Account::Kernel, access)?;
    let device = with(|state| {
        let by = caller(state);
        handles::reference(state, file, by);
        state.io.files.device(file)
    });
    let top = travel::top(device);
    requests::close(file);
    Ok((file, top))
}
