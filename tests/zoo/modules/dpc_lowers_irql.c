// SPDX-License-Identifier: MIT OR Apache-2.0
// Lowers the IRQL in a DPC.

#include "module.h"

static KDPC Dpc;

void OnDpc(KDPC *dpc, PVOID context, PVOID first, PVOID second) {
    WRONG(KeLowerIrql(PASSIVE_LEVEL);)
}

void AtUnload(void) {
    KeInitializeDpc(&Dpc, OnDpc, NULL);
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    KeFlushQueuedDpcs();
}
