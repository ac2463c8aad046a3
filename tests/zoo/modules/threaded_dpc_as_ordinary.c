// SPDX-License-Identifier: MIT OR Apache-2.0
// A threaded DPC acquires its spin lock as if it always ran at DISPATCH_LEVEL.

#define INITIALIZE_DPC KeInitializeThreadedDpc
#include "kernel.h"

IMPORT void KeInitializeThreadedDpc(KDPC *, PVOID routine, PVOID context);
IMPORT void KeAcquireSpinLockAtDpcLevel(KSPIN_LOCK *);
IMPORT void KeReleaseSpinLockFromDpcLevel(KSPIN_LOCK *);
IMPORT KIRQL KeAcquireSpinLockForDpc(KSPIN_LOCK *);
IMPORT void KeReleaseSpinLockForDpc(KSPIN_LOCK *, KIRQL);

#include "queues_dpc.h"

static KSPIN_LOCK TicksLock;
static LONG Ticks;

static void OnDpc(KDPC *dpc, PVOID context, PVOID first, PVOID second) {
    RIGHT(KIRQL irql = KeAcquireSpinLockForDpc(&TicksLock);)
    WRONG(KeAcquireSpinLockAtDpcLevel(&TicksLock);)
    Ticks++;
    RIGHT(KeReleaseSpinLockForDpc(&TicksLock, irql);)
    WRONG(KeReleaseSpinLockFromDpcLevel(&TicksLock);)
}

void Turn(void) {
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    CallNewest();
}
