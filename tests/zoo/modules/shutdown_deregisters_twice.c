// SPDX-License-Identifier: MIT OR Apache-2.0
// Deregisters at shutdown, while its DriverUnload may be doing that.

#define NOTIFY IoRegisterShutdownNotification
#include "device.h"

static KMUTEX Turns;
static BOOLEAN Deregistered;

static void DeregisterOnce(void) {
    RIGHT(KeWaitForSingleObject(&Turns, 0, 0, FALSE, NULL);)
    if (!Deregistered) {
        Deregister();
        Deregistered = TRUE;
    }
    RIGHT(KeReleaseMutex(&Turns, FALSE);)
}

NTSTATUS Shutdown(IRP *irp) {
    DeregisterOnce();
    return Finish(irp, STATUS_SUCCESS, 0);
}

void Unload(DRIVER_OBJECT *driver) {
    (void)driver;
    DeregisterOnce();
    StopThread();
    DeleteDevice();
}

NTSTATUS DriverEntry(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    (void)path;
    KeInitializeSpinLock(&Lock);
    KeInitializeMutex(&Turns, 0);
    return Start(driver);
}
