// SPDX-License-Identifier: MIT OR Apache-2.0
// Reads what a timer's DPC changes once the timer is cancelled: the DPC may still run.

#include "module.h"

typedef struct {
    ULONGLONG Ticks, Last;
} STATISTICS;

static KTIMER Timer;
static KDPC Dpc;
static STATISTICS Statistics;
// What is reported at the end.
STATISTICS Reported;

static void OnTimer(KDPC *dpc, PVOID context, PVOID first, PVOID second) {
    Statistics.Ticks++;
    Statistics.Last += 2;
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    KeInitializeDpc(&Dpc, OnTimer, NULL);
    KeInitializeTimer(&Timer);
    status = StartWork();
    if (NT_SUCCESS(status))
        KeSetTimerEx(&Timer, -10000, 1, &Dpc);
    return status;
}

void AtUnload(void) {
    KeCancelTimer(&Timer);
    RIGHT(KeFlushQueuedDpcs();)
    Reported = Statistics;
    WRONG(KeFlushQueuedDpcs();)
}
