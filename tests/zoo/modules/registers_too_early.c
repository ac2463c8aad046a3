// SPDX-License-Identifier: MIT OR Apache-2.0
// Registers before what its functions need is ready.

#include "module.h"

typedef struct { LONG Requests; } STATISTICS;
static STATISTICS *Statistics;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    RIGHT(Statistics = Allocate(sizeof(*Statistics));)
    status = StartThread();
    if (!NT_SUCCESS(status))
        return status;
    status = Register();
    if (!NT_SUCCESS(status))
        StopThread();
    WRONG(Statistics = Allocate(sizeof(*Statistics));)
    return status;
}

// Refuses all, but counts.
NTSTATUS Submit(PVOID binding, REQUEST *request) {
    // Several clients call at the same time.
    __sync_fetch_and_add(&Statistics->Requests, 1);
    return STATUS_DEVICE_BUSY;
}

void AtUnload(void) { Free(Statistics); }
