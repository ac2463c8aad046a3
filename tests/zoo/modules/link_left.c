// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not delete its symbolic link.

#include "module.h"

#define NAME(text) {sizeof(text) - 2, sizeof(text), (WCHAR *)text}
static UNICODE_STRING DeviceName = NAME(L"\\Device\\Zoo");
static UNICODE_STRING LinkName = NAME(L"\\DosDevices\\Zoo");
static PVOID Device;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = IoCreateDevice(driver, 0, &DeviceName, 0x22, 0, FALSE, &Device);
    if (!NT_SUCCESS(status))
        return status;
    status = IoCreateSymbolicLink(&LinkName, &DeviceName);
    if (!NT_SUCCESS(status)) {
        IoDeleteDevice(Device);
        return status;
    }
    status = StartThread();
    if (NT_SUCCESS(status)) {
        status = Register();
        if (!NT_SUCCESS(status))
            StopThread();
    }
    if (!NT_SUCCESS(status))
        AtUnload();
    return status;
}

void AtUnload(void) {
    RIGHT(IoDeleteSymbolicLink(&LinkName);)
    IoDeleteDevice(Device);
}
