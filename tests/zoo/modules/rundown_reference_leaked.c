// SPDX-License-Identifier: MIT OR Apache-2.0
// Forgets a run-down reference and waits for it.

#include "module.h"

static SIZE_T Rundown;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    driver->DriverUnload = Unload;
    ExInitializeRundownProtection(&Rundown);
    return StartWork();
}

void AtUnload(void) {
    if (ExAcquireRundownProtection(&Rundown)) {
        RIGHT(ExReleaseRundownProtection(&Rundown);)
    }
    ExWaitForRundownProtectionRelease(&Rundown);
}
