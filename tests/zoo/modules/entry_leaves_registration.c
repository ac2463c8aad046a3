// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails in DriverEntry after it has registered, and stays registered.

#include "module.h"

static PVOID Device;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = StartThread();
    if (!NT_SUCCESS(status))
        return status;
    status = Register();
    if (NT_SUCCESS(status)) {
        status = IoCreateDevice(driver, 0, NULL, 0x22, 0, FALSE, &Device);
        RIGHT(if (!NT_SUCCESS(status)) Deregister();)
    }
    if (!NT_SUCCESS(status))
        StopThread();
    return status;
}

void AtUnload(void) { IoDeleteDevice(Device); }
