// SPDX-License-Identifier: MIT OR Apache-2.0
// Releases run-down protection that it has not acquired.

#include "module.h"

static SIZE_T Rundown;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    ExInitializeRundownProtection(&Rundown);
    status = StartThread();
    if (!NT_SUCCESS(status))
        return status;
    status = Register();
    if (!NT_SUCCESS(status))
        StopThread();
    return status;
}

void AtUnload(void) {
    RIGHT(if (ExAcquireRundownProtection(&Rundown)))
        ExReleaseRundownProtection(&Rundown);
    ExWaitForRundownProtectionRelease(&Rundown);
}
