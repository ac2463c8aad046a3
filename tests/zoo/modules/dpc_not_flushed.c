// SPDX-License-Identifier: MIT OR Apache-2.0
// Unloads with a DPC that may still be queued.

#include "module.h"

static KDPC Dpc;

static void OnDpc(KDPC *dpc, PVOID context, PVOID first, PVOID second) {}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    driver->DriverUnload = Unload;
    KeInitializeDpc(&Dpc, OnDpc, NULL);
    return StartWork();
}

void AtUnload(void) {
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    RIGHT(KeFlushQueuedDpcs();)
}
