// SPDX-License-Identifier: MIT OR Apache-2.0
// Releases a remove lock that it may not have acquired.

#include "module.h"
#include <ntddk.h>

static IO_REMOVE_LOCK Removal;

void Turn(void) {
    NTSTATUS status = IoAcquireRemoveLock(&Removal, &Removal);
    RIGHT(if (!NT_SUCCESS(status))
        return;)
    WRONG((void)status;)
    IoReleaseRemoveLock(&Removal, &Removal);
}

NTSTATUS DriverEntry(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)path;
    KeInitializeSpinLock(&Lock);
    IoInitializeRemoveLock(&Removal, TAG, 0, 0);
    return Start(driver);
}

void Deregister(void) {
    if (NT_SUCCESS(IoAcquireRemoveLock(&Removal, NULL)))
        IoReleaseRemoveLockAndWait(&Removal, NULL);
    if (DEREGISTER(Registration) == STATUS_PENDING)
        WAIT(Registration);
}
