// SPDX-License-Identifier: MIT OR Apache-2.0
// Has no DriverUnload.

#include "module.h"

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status = StartThread();
    RIGHT(driver->DriverUnload = Unload;)
    if (!NT_SUCCESS(status))
        return status;
    status = Register();
    if (!NT_SUCCESS(status))
        StopThread();
    return status;
}
