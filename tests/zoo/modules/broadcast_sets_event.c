// SPDX-License-Identifier: MIT OR Apache-2.0
// Sets an event in the routine that runs on all processors, at IPI_LEVEL.

#include "executive.h"

static KEVENT Seen;
static volatile LONG Processors;

static ULONG_PTR OnProcessor(ULONG_PTR argument) {
    Increment(&Processors);
    WRONG(KeSetEvent(&Seen, 0, FALSE);)
    return argument;
}

void Turn(void) {
    KeIpiGenericCall(OnProcessor, 0);
    RIGHT(KeSetEvent(&Seen, 0, FALSE);)
    CallNewest();
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    driver->DriverUnload = Unload;
    KeInitializeEvent(&Seen, NotificationEvent, FALSE);
    return StartWork();
}
