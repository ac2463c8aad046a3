// SPDX-License-Identifier: MIT OR Apache-2.0
// Deletes its timer without waiting for a running callback, and frees the memory that it uses.

#include "executive.h"

static PVOID Timer;
static ULONG *Ticks;

static void OnTimer(PVOID timer, PVOID context) { ++*(ULONG *)context; }

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;
    driver->DriverUnload = Unload;
    Ticks = Allocate(sizeof(*Ticks));
    if (!Ticks)
        return status;
    Timer = ExAllocateTimer(OnTimer, Ticks, 0);
    if (Timer) {
        status = StartWork();
        if (NT_SUCCESS(status)) {
            ExSetTimer(Timer, -5000, 10000, NULL);
            return status;
        }
        ExDeleteTimer(Timer, TRUE, TRUE, NULL);
    }
    Free(Ticks);
    return status;
}

void AtUnload(void) {
    ExDeleteTimer(Timer, TRUE, RIGHT(TRUE) WRONG(FALSE), NULL);
    Free(Ticks);
}
