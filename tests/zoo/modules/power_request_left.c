// SPDX-License-Identifier: MIT OR Apache-2.0
// Deletes its device before the power request that was created for it.

#include "module.h"
#include <ntddk.h>

static PVOID Device, Request;

static void DeleteRequest(void) {
    PoClearPowerRequest(Request, PowerRequestSystemRequired);
    PoDeletePowerRequest(Request);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = IoCreateDevice(driver, 0, NULL, 0x22, 0x100, FALSE, &Device);
    if (!NT_SUCCESS(status))
        return status;
    status = PoCreatePowerRequest(&Request, Device, NULL);
    if (NT_SUCCESS(status)) {
        PoSetPowerRequest(Request, PowerRequestSystemRequired);
        status = StartWork();
        if (NT_SUCCESS(status))
            return status;
        DeleteRequest();
    }
    IoDeleteDevice(Device);
    return status;
}

void AtUnload(void) {
    RIGHT(DeleteRequest();)
    IoDeleteDevice(Device);
    WRONG(DeleteRequest();)
}
