// SPDX-License-Identifier: MIT OR Apache-2.0
// Waits at shutdown for its peer to go, which stays loaded as it does itself.

#define NOTIFY IoRegisterShutdownNotification
#include "device.h"

static KEVENT Gone;

void Cleanup(PVOID binding) {
    Free(binding);
    KeSetEvent(&Gone, 0, FALSE);
}

NTSTATUS Shutdown(IRP *irp) {
    Stop = TRUE;
    WRONG(if (Bindings) KeWaitForSingleObject(&Gone, 0, 0, 0, NULL);)
    RIGHT(Deregister();)
    return Finish(irp, STATUS_SUCCESS, 0);
}

NTSTATUS DriverEntry(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)path;
    KeInitializeSpinLock(&Lock);
    KeInitializeEvent(&Gone, 0, FALSE);
    return Start(driver);
}
