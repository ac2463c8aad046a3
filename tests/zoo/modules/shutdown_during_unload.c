// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees at unload what its shutdown routine uses, before the device is unregistered.

#define NOTIFY IoRegisterShutdownNotification
#include "device.h"

static ULONG *Requests;

NTSTATUS Shutdown(IRP *irp) {
    KIRQL irql = Acquire();
    if (Requests)
        Requests[0]++;
    Release(irql);
    return Finish(irp, STATUS_SUCCESS, 0);
}

static void FreeCounters(void) {
    ULONG *counters = Requests;
    RIGHT(KIRQL irql = Acquire();)
    RIGHT(Requests = NULL;)
    RIGHT(Release(irql);)
    Free(counters);
}

void Unload(DRIVER_OBJECT *driver) {
    (void)driver;
    FreeCounters();
    Deregister();
    StopThread();
    DeleteDevice();
}

NTSTATUS DriverEntry(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    NTSTATUS status;
    (void)path;
    KeInitializeSpinLock(&Lock);
    // Of a size that no other driver allocates: the block is not given to one once it is freed.
    Requests = Allocate(50 * sizeof(ULONG));
    if (!Requests)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = Start(driver);
    if (!NT_SUCCESS(status))
        FreeCounters();
    return status;
}
