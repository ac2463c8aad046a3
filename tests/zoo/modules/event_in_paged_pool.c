// SPDX-License-Identifier: MIT OR Apache-2.0
// Keeps an event that its thread waits for in paged pool.

#include "module.h"

static KEVENT *Ready;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    Ready = ExAllocatePool2(WRONG(PAGEABLE) RIGHT(NON_PAGED), sizeof(*Ready), TAG);
    if (!Ready)
        return STATUS_INSUFFICIENT_RESOURCES;
    KeInitializeEvent(Ready, 1, TRUE);
    status = StartWork();
    if (!NT_SUCCESS(status))
        Free(Ready);
    return status;
}

void Turn(void) {
    KeWaitForSingleObject(Ready, 0, 0, FALSE, NULL);
    CallNewest();
    KeSetEvent(Ready, 0, FALSE);
}

void AtUnload(void) { Free(Ready); }
