// SPDX-License-Identifier: MIT OR Apache-2.0
// A DPC and a thread change a counter, each by a plain addition: nothing excludes the thread.

#include "queues_dpc.h"

static volatile LONG Ticks;

static void Count(void) {
    WRONG(Ticks++;)
    RIGHT(__sync_fetch_and_add(&Ticks, 1);)
}

static void OnDpc(KDPC *dpc, PVOID context, PVOID first, PVOID second) { Count(); }

void Turn(void) {
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    Count();
    CallNewest();
}
