// SPDX-License-Identifier: MIT OR Apache-2.0
// Waits in a DPC for more than 20 seconds, until the device is ready.

#include "module.h"

static KDPC Dpc;
static KEVENT Ready;

void OnDpc(KDPC *dpc, PVOID context, PVOID first, PVOID second) {
    ULONGLONG begun = KeQueryInterruptTime();
    while (KeQueryInterruptTime() - begun < WRONG(21 * 10000000ULL) RIGHT(50 * 10ULL))
        ;
    KeSetEvent(&Ready, 0, FALSE);
}

void AtUnload(void) {
    KeInitializeEvent(&Ready, 0, FALSE);
    KeInitializeDpc(&Dpc, OnDpc, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeWaitForSingleObject(&Ready, 0, 0, 0, NULL);
    KeFlushQueuedDpcs();
}
