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

// Answers at once, and counts.
NTSTATUS Submit(PVOID binding, REQUEST *request) {
    if (request->Header.Size < sizeof(REQUEST) || request->Length > MAX_PAYLOAD)
        return STATUS_INVALID_PARAMETER;
    // Several clients call at the same time.
    __sync_fetch_and_add(&Statistics->Requests, 1);
    return STATUS_SUCCESS;
}

void AtUnload(void) { Free(Statistics); }
