// SPDX-License-Identifier: MIT OR Apache-2.0
// Deletes its device while that is attached to the provider's.

#include "module.h"
#include <ntddk.h>

#define NAME_OF(text) {sizeof(text) - 2, sizeof(text), (WCHAR *)text}
static UNICODE_STRING PeerName = NAME_OF(L"\\Device\\provider");
static DRIVER_OBJECT *Driver;

static NTSTATUS PassOn(PDEVICE_OBJECT device, PIRP irp) {
    IoSkipCurrentIrpStackLocation(irp);
    return IoCallDriver(*(PDEVICE_OBJECT *)device->DeviceExtension, irp);
}

NTSTATUS DriverEntry(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)path;
    Driver = driver;
    for (int major = 0; major <= IRP_MJ_MAXIMUM_FUNCTION; major++)
        driver->MajorFunction[major] = (PVOID)PassOn;
    KeInitializeSpinLock(&Lock);
    return Start(driver);
}

void AtUnload(void) {
    PDEVICE_OBJECT device, below;
    PFILE_OBJECT file;
    PVOID made;
    if (!NT_SUCCESS(IoGetDeviceObjectPointer(&PeerName, FILE_READ_DATA, &file, &below)))
        return;
    if (NT_SUCCESS(IoCreateDevice(Driver, sizeof(PVOID), NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &made))) {
        device = made;
        if (NT_SUCCESS(IoAttachDeviceToDeviceStackSafe(device, below, device->DeviceExtension))) {
            RIGHT(IoDetachDevice(*(PDEVICE_OBJECT *)device->DeviceExtension);)
        }
        IoDeleteDevice(device);
    }
    ObfDereferenceObject(file);
}
