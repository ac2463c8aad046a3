// SPDX-License-Identifier: MIT OR Apache-2.0
// Sleeps in a DPC.

#include "module.h"

static KDPC Dpc;

static void OnDpc(KDPC *dpc, PVOID context, PVOID first, PVOID second) {
    WRONG(Sleep(10);)
}

void AtUnload(void) {
    KeInitializeDpc(&Dpc, OnDpc, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeFlushQueuedDpcs();
}
