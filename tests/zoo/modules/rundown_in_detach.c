// SPDX-License-Identifier: MIT OR Apache-2.0
// Waits for run-down protection in its detach callback.

#include "module.h"

static SIZE_T Rundown;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    driver->DriverUnload = Unload;
    ExInitializeRundownProtection(&Rundown);
    return StartWork();
}

NTSTATUS Detach(PVOID binding) {
    BOOLEAN busy = Withdraw(binding);
    WRONG(ExWaitForRundownProtectionRelease(&Rundown);)
    return busy ? STATUS_PENDING : STATUS_SUCCESS;
}

void AtUnload(void) {
    RIGHT(ExWaitForRundownProtectionRelease(&Rundown);)
}
