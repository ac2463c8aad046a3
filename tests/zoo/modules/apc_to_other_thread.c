// SPDX-License-Identifier: MIT OR Apache-2.0
// Unloads with an APC to a thread of the provider, which may not have run yet, nor returned.

#include "module.h"
#include "apc.h"

static KAPC Apc;
static PKTHREAD Completes;

static void OnApc(PKAPC apc, KNORMAL_ROUTINE **normal, PVOID *context, PVOID *first, PVOID *second) {}

void Complete(PVOID binding, REQUEST *request) {
    KIRQL irql = Acquire();
    if (!Completes) {
        Completes = KeGetCurrentThread();
        ObfReferenceObject(Completes);
    }
    Release(irql);
    Free(request);
    Leave(binding);
}

static void QueueApc(PKTHREAD thread) {
    KeInitializeApc(&Apc, thread, 0, OnApc, NULL, NULL, KernelMode, NULL);
    KeInsertQueueApc(&Apc, NULL, NULL, 0);
}

void Unload(DRIVER_OBJECT *driver) {
    (void)driver;
    Deregister();
    // The end of the own thread comes after what is queued to it.
    RIGHT(QueueApc(Thread);)
    StopThread();
    if (Completes) {
        WRONG(QueueApc(Completes);)
        ObfDereferenceObject(Completes);
    }
}
