// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees an APC where it has been queued, and not where it is delivered.

#include "module.h"
#include "apc.h"

static void OnApc(PKAPC apc, KNORMAL_ROUTINE **normal, PVOID *context, PVOID *first, PVOID *second) {
    RIGHT(Free(apc);)
}

static void OnRundown(PKAPC apc) {
    RIGHT(Free(apc);)
}

void Unload(DRIVER_OBJECT *driver) {
    PKAPC apc = Allocate(sizeof(KAPC));
    (void)driver;
    Deregister();
    if (apc) {
        KeInitializeApc(apc, Thread, 0, OnApc, OnRundown, NULL, KernelMode, NULL);
        if (!KeInsertQueueApc(apc, NULL, NULL, 0) WRONG(|| apc))
            Free(apc);
    }
    StopThread();
}
