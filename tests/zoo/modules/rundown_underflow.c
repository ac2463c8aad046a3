// SPDX-License-Identifier: MIT OR Apache-2.0
// Releases run-down protection that it has not acquired.

#include "module.h"

static SIZE_T Rundown;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    driver->DriverUnload = Unload;
    ExInitializeRundownProtection(&Rundown);
    return StartWork();
}

void AtUnload(void) {
    RIGHT(if (ExAcquireRundownProtection(&Rundown)))
        ExReleaseRundownProtection(&Rundown);
    ExWaitForRundownProtectionRelease(&Rundown);
}
