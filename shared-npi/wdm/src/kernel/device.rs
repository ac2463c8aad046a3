// SPDX-License-Identifier: MIT OR Apache-2.0

//! The control device: created in `DriverEntry`, deleted by the library at the end
//! of the unload or of an entry that fails.
//!
//! It has the name of the driver's service, so that two services with the same image each have
//! a device. An open handle delays the unload: `DriverUnload` is called after the last handle is
//! closed, and no request arrives after that.

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, Ordering};

use nmr::irql::PassiveLevel;
use nmr::{NtStatus, Result};
use wdk_sys::ntddk::{
    IoCreateDevice, IoCreateSymbolicLink, IoDeleteDevice, IoDeleteSymbolicLink,
    ObOpenObjectByPointer, ZwClose, ZwSetSecurityObject,
};
use wdk_sys::{
    DACL_SECURITY_INFORMATION, DEVICE_OBJECT, DRIVER_OBJECT, FILE_DEVICE_SECURE_OPEN,
    FILE_DEVICE_UNKNOWN, OBJ_KERNEL_HANDLE, WRITE_DAC,
};

use super::dispatch::{self, UNLOAD_GATE};
use super::registry_path::RegistryPath;
use super::thread::KERNEL_MODE;
use crate::control::{Controlled, SecurityDescriptor};
use crate::name::Name;

/// The control device of this image, if it has one. Its extension is the [`Name`] of
/// its symbolic link, or the empty name while it has none.
static DEVICE: AtomicPtr<DEVICE_OBJECT> = AtomicPtr::new(ptr::null_mut());

/// Creates the control device of the driver. It cannot be opened before
/// `DriverEntry` has returned. IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-iocreatedevice>
///
/// # Errors
///
/// `STATUS_NAME_TOO_LONG` if the name of the service is too long,
/// `STATUS_DEVICE_BUSY` if there is a control device already, or the kernel's status.
/// There is no device then, or still the first one.
///
/// # Safety
///
/// Called in `DriverEntry` with its driver object, whose `DriverUnload` and dispatch
/// table nothing but this library changes from now on; [`delete`] is called at the
/// end of the unload and of a failed entry.
pub(crate) unsafe fn create<C: Controlled>(
    driver: &mut DRIVER_OBJECT,
    registry_path: RegistryPath<'_>,
    passive: &PassiveLevel<'_>,
) -> Result {
    if !DEVICE.load(Ordering::Relaxed).is_null() {
        return Err(NtStatus::DEVICE_BUSY);
    }
    let name = Name::of_service(r"\Device\", registry_path.units())?;
    let link = Name::of_service(r"\DosDevices\", registry_path.units())?;
    // SAFETY: no file is open, so that there are no holds. The field is valid until the driver
    // is unloaded, and by this function's contract only the gate changes it.
    unsafe { UNLOAD_GATE.guard(&raw mut driver.DriverUnload) };
    dispatch::set::<C>(driver);
    let mut object = ptr::null_mut();
    // SAFETY: the driver object is this driver's own; name and result outlive the
    // call.
    let status = unsafe {
        IoCreateDevice(
            driver,
            u32::from(nmr::abi::struct_size::<Name>()),
            &mut name.unicode(),
            FILE_DEVICE_UNKNOWN,
            FILE_DEVICE_SECURE_OPEN,
            0,
            &raw mut object,
        )
    };
    NtStatus(status).ok()?;
    let object = NonNull::new(object).ok_or(NtStatus::UNSUCCESSFUL)?;
    DEVICE.store(object.as_ptr(), Ordering::Release);
    // SAFETY: the device was created just now, with these names.
    let published = protect(object, passive).and_then(|()| unsafe { publish(object, name, link) });
    if published.is_err() {
        // SAFETY: the device cannot be opened before `DriverEntry` has returned.
        unsafe { delete(passive) };
    }
    published
}

/// Restricts access to the device to the system and administrators.
/// IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ntifs/nf-ntifs-zwsetsecurityobject>
fn protect(device: NonNull<DEVICE_OBJECT>, _passive: &PassiveLevel<'_>) -> Result {
    let mut handle = ptr::null_mut();
    // SAFETY: the device object is valid; the handle outlives the call.
    let status = unsafe {
        ObOpenObjectByPointer(
            device.as_ptr().cast(),
            OBJ_KERNEL_HANDLE,
            ptr::null_mut(),
            WRITE_DAC,
            ptr::null_mut(),
            KERNEL_MODE,
            &raw mut handle,
        )
    };
    NtStatus(status).ok()?;
    let mut descriptor = SecurityDescriptor::ADMINISTRATORS;
    // SAFETY: the handle is open for `WRITE_DAC`; the descriptor is a valid one, and
    // outlives the call.
    let status = unsafe {
        ZwSetSecurityObject(
            handle,
            DACL_SECURITY_INFORMATION,
            (&raw mut descriptor).cast(),
        )
    };
    // SAFETY: the handle is open, and closed once; closing an open handle succeeds.
    let _ = unsafe { ZwClose(handle) };
    NtStatus(status).ok()
}

/// Creates the symbolic link by which programs open the device.
/// IRQL = `PASSIVE_LEVEL`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-iocreatesymboliclink>
///
/// # Safety
///
/// `device` is a device that [`create`] has created, which has no link yet.
unsafe fn publish(device: NonNull<DEVICE_OBJECT>, name: Name, link: Name) -> Result {
    // SAFETY: both names outlive the call, which does not write to them.
    let status = unsafe { IoCreateSymbolicLink(&mut link.unicode(), &mut name.unicode()) };
    NtStatus(status).ok()?;
    // SAFETY: the device is valid by this function's contract.
    let extension = unsafe { (*device.as_ptr()).DeviceExtension };
    // SAFETY: `create` has asked for an extension of the size of a name, and nothing
    // else uses it.
    unsafe { extension.cast::<Name>().write(link) };
    Ok(())
}

/// Deletes the control device and its symbolic link, if there are any.
/// IRQL = `PASSIVE_LEVEL`.
///
/// # Safety
///
/// No handle to the device is open, and none can be opened any more: in the unload,
/// or in `DriverEntry` before it returns.
pub(crate) unsafe fn delete(_passive: &PassiveLevel<'_>) {
    let Some(device) = NonNull::new(DEVICE.swap(ptr::null_mut(), Ordering::Acquire)) else {
        return;
    };
    // SAFETY: the device is valid: it was in `DEVICE`, and only this function deletes
    // it.
    let extension = unsafe { (*device.as_ptr()).DeviceExtension };
    // SAFETY: the extension holds a name: zeros, as `IoCreateDevice` leaves them, are
    // the empty one, and `publish` writes a whole one.
    let link = unsafe { extension.cast::<Name>().read() };
    if !link.is_empty() {
        // SAFETY: the name outlives the call, which does not write to it. The link
        // exists, so that deleting it succeeds.
        let _ = unsafe { IoDeleteSymbolicLink(&mut link.unicode()) };
    }
    // SAFETY: the device is valid, and no handle is open by this function's contract.
    unsafe { IoDeleteDevice(device.as_ptr()) };
}
