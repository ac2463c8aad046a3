// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails in DriverEntry and leaves its thread running.

#include "module.h"

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = StartThread();
    if (!NT_SUCCESS(status))
        return status;
    status = Register();
    RIGHT(if (!NT_SUCCESS(status)) StopThread();)
    return status;
}
