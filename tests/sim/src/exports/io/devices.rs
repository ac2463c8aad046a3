// SPDX-License-Identifier: MIT OR Apache-2.0

//! Device objects and symbolic links.

use windows_sys::Wdk::Foundation::{DEVICE_OBJECT, DRIVER_OBJECT};
use windows_sys::Win32::Foundation::{
    STATUS_INSUFFICIENT_RESOURCES, STATUS_OBJECT_NAME_COLLISION, STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_SUCCESS, UNICODE_STRING,
};

use crate::exports::data::strings;
use crate::exports::exports;
use crate::exports::io::freed::check_remove_locks;
use crate::exports::io::shutdown;
use crate::exports::notifications::power_requests;
use crate::findings::caller::caller;
use crate::findings::stop;
use crate::hardware::irql::{APC_LEVEL, PASSIVE_LEVEL};
use crate::io::files::{DEVICE_SIZE, ENDLESS_DEVICES, EXCLUSIVE, INITIALIZING};
use crate::kernel::{State, with};
use crate::memory::pool::FreeError;
use crate::objects::kernel_objects::ObjectKind;
use crate::verifier::faults;

exports! {
    "IoCreateDevice" <= APC_LEVEL => io_create_device: i32;
    "IoDeleteDevice" <= APC_LEVEL => io_delete_device: ();
    "IoCreateSymbolicLink" <= PASSIVE_LEVEL => io_create_symbolic_link: i32;
    "IoDeleteSymbolicLink" <= PASSIVE_LEVEL => io_delete_symbolic_link: i32;
}

const TAG: u32 = u32::from_le_bytes(*b"Devi");

unsafe extern "win64" fn io_create_device(
    driver: *mut DRIVER_OBJECT,
    extension: u32,
    name: *const UNICODE_STRING,
    kind: u32,
    characteristics: u32,
    exclusive: u8,
    device: *mut *mut DEVICE_OBJECT,
) -> i32 {
    let name = (!name.is_null()).then(|| {
        // SAFETY: the name is null or valid, as documented.
        unsafe { strings::text(name) }
    });
    // SAFETY: the driver object is the driver's, as documented.
    match unsafe { create(driver, extension, name, kind, characteristics) } {
        Ok(new) => {
            if exclusive != 0 {
                // SAFETY: the device was just created.
                unsafe { (*new).Flags |= EXCLUSIVE };
            }
            // SAFETY: the result may be written, as documented.
            unsafe { device.write(new) };
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// Creates a device for the driver that calls, or the status with which that is
/// refused.
///
/// # Safety
///
/// `driver` is its driver object.
pub(crate) unsafe fn create(
    driver: *mut DRIVER_OBJECT,
    extension: u32,
    name: Option<String>,
    kind: u32,
    characteristics: u32,
) -> Result<*mut DEVICE_OBJECT, i32> {
    /// `IO_TYPE_DEVICE`.
    const DEVICE: i16 = 3;
    let size = DEVICE_SIZE;
    let whole = size + extension as usize;
    let at = with(|state| {
        let by = caller(state);
        if name
            .as_ref()
            .is_some_and(|name| state.objects.names.is_taken(name, by.map(|it| it.driver)))
        {
            return Err(STATUS_OBJECT_NAME_COLLISION);
        }
        if faults::fails(state, faults::FaultKind::Device) {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        let at = state.memory.pool.allocate(whole, TAG, true, None);
        let at = at.ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
        state.objects.created.add(at, ObjectKind::Device, by);
        if let (Some(name), Some(by)) = (name, by) {
            state.objects.names.add_device(&name, at, by);
        }
        Ok(at)
    })?;
    let new = at as *mut DEVICE_OBJECT;
    // SAFETY: the device was just allocated, zeroed; the driver object is
    // valid, by this function's contract.
    unsafe {
        (*new).Type = DEVICE;
        (*new).Size = u16::try_from(whole).unwrap_or(u16::MAX);
        (*new).DriverObject = driver;
        (*new).NextDevice = (*driver).DeviceObject;
        (*new).Flags = INITIALIZING;
        (*new).Characteristics = characteristics;
        (*new).DeviceType = kind;
        (*new).StackSize = 1;
        if extension > 0 {
            (*new).DeviceExtension = (at + size) as *mut _;
        }
        (*driver).DeviceObject = new;
    }
    Ok(new)
}

pub(crate) unsafe extern "win64" fn io_delete_device(device: *mut DEVICE_OBJECT) {
    if !with(|state| {
        state
            .objects
            .created
            .remove(device.addr(), ObjectKind::Device)
    }) {
        let what = format!("{device:?} was deleted, which is no device object");
        stop("0xC4", what);
    }
    power_requests::check_device(device.addr());
    // SAFETY: the device is freed below at the earliest.
    unsafe { shutdown::at_delete(device) };
    if with(|state| state.io.files.is_attached(device.addr())) {
        let code = ("0xC9", [0x201, 0, 0, device.addr()]);
        let what =
            "a device was deleted that is attached to another one: IoDetachDevice comes first";
        stop(code, what.to_owned());
    }
    // SAFETY: a device that was not deleted until now is in memory.
    let size = usize::from(unsafe { (*device).Size });
    check_remove_locks(
        &(device.addr()..device.addr() + size),
        "a device was deleted",
    );
    // The device itself counts no more.
    let others = with(|state| state.objects.created.count(ObjectKind::Device));
    // SAFETY: it is a device of a driver that is here; the list of its devices
    // is the driver object's.
    unsafe {
        let mut link = &raw mut (*(*device).DriverObject).DeviceObject;
        let mut passed = 0;
        while !(*link).is_null() && *link != device {
            if passed == others {
                stop("hang", ENDLESS_DEVICES.to_owned());
            }
            passed += 1;
            link = &raw mut (**link).NextDevice;
        }
        *link = (*device).NextDevice;
    }
    let freed = with(|state| {
        state.objects.names.remove_device(device.addr());
        state.objects.protections.remove(&device.addr());
        if state.io.files.delete_later(device.addr()) {
            return Ok(());
        }
        let by = caller(state);
        state.memory.pool.free(device.addr(), 0, by)
    });
    if let Some((at, place)) = freed.err().and_then(FreeError::written) {
        let what = format!("a device extension was written {place}");
        stop(("0xC1", [device.addr(), at, 0, 0x24]), what);
    }
}

unsafe extern "win64" fn io_create_symbolic_link(
    link: *const UNICODE_STRING,
    target: *const UNICODE_STRING,
) -> i32 {
    // SAFETY: the name is valid, as documented.
    let link = unsafe { strings::text(link) };
    // SAFETY: as above.
    let target = unsafe { strings::text(target) };
    with(|state| {
        if faults::fails(state, faults::FaultKind::Link) {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        match caller(state) {
            Some(by) if !state.objects.names.add_link(&link, &target, by) => {
                STATUS_OBJECT_NAME_COLLISION
            }
            _ => STATUS_SUCCESS,
        }
    })
}

/// What is wrong with the deletion of a symbolic link: nothing, if there is none of this name, as
/// after its creation has failed.
fn misnamed(state: &State, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some("a symbolic link was deleted by an empty name, which none has".to_owned());
    }
    let maker = state.objects.names.link_maker(link)?;
    (maker.driver != caller(state)?.driver).then(|| {
        let maker = state.loader.drivers.show(maker);
        format!("the symbolic link {link} was deleted, which another driver has created: {maker}")
    })
}

unsafe extern "win64" fn io_delete_symbolic_link(link: *const UNICODE_STRING) -> i32 {
    // SAFETY: as in `io_create_symbolic_link`.
    let link = unsafe { strings::text(link) };
    if let Some(what) = with(|state| misnamed(state, &link)) {
        stop("0xC4", what);
    }
    if with(|state| state.objects.names.remove_link(&link)) {
        STATUS_SUCCESS
    } else {
        STATUS_OBJECT_NAME_NOT_FOUND
    }
}
