// SPDX-License-Identifier: MIT OR Apache-2.0
// A DPC and a thread change a counter, each by a plain addition: nothing excludes the thread.

#include "module.h"

static KDPC Dpc;
static volatile LONG Ticks;

static void Count(void) {
    WRONG(Ticks++;)
    RIGHT(__sync_fetch_and_add(&Ticks, 1);)
}

static void OnDpc(KDPC *dpc, PVOID context, PVOID first, PVOID second) { Count(); }

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    KeInitializeDpc(&Dpc, OnDpc, NULL);
    status = StartThread();
    if (!NT_SUCCESS(status))
        return status;
    status = Register();
    if (!NT_SUCCESS(status)) {
        StopThread();
        KeFlushQueuedDpcs();
    }
    return status;
}

void Turn(void) {
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    Count();
    CallNewest();
}

void AtUnload(void) { KeFlushQueuedDpcs(); }
