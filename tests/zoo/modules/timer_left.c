// SPDX-License-Identifier: MIT OR Apache-2.0
// Unloads with a periodic timer set.

#include "module.h"

static KTIMER Timer;
static KDPC Dpc;

static void OnTimer(KDPC *dpc, PVOID context, PVOID first, PVOID second) {}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    driver->DriverUnload = Unload;
    KeInitializeDpc(&Dpc, OnTimer, NULL);
    KeInitializeTimer(&Timer);
    KeSetTimerEx(&Timer, -1000, 1, &Dpc);
    return StartWork();
}

void AtUnload(void) {
    RIGHT(KeCancelTimer(&Timer);)
    KeFlushQueuedDpcs();
}
