// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not delete its device.

#include "module.h"

static PVOID Device;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = IoCreateDevice(driver, 0, NULL, 0x22, 0, FALSE, &Device);
    if (!NT_SUCCESS(status))
        return status;
    return StartWork();
}

void AtUnload(void) {
    RIGHT(IoDeleteDevice(Device);)
}
