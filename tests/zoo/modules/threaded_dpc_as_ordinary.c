// SPDX-License-Identifier: MIT OR Apache-2.0
// A threaded DPC acquires its spin lock as if it always ran at DISPATCH_LEVEL.

#include "module.h"

IMPORT void KeInitializeThreadedDpc(KDPC *, PVOID routine, PVOID context);
IMPORT void KeAcquireSpinLockAtDpcLevel(KSPIN_LOCK *);
IMPORT void KeReleaseSpinLockFromDpcLevel(KSPIN_LOCK *);
IMPORT KIRQL KeAcquireSpinLockForDpc(KSPIN_LOCK *);
IMPORT void KeReleaseSpinLockForDpc(KSPIN_LOCK *, KIRQL);

static KDPC Dpc;
static KSPIN_LOCK TicksLock;
static LONG Ticks;

static void OnDpc(KDPC *dpc, PVOID context, PVOID first, PVOID second) {
    (void)dpc, (void)context, (void)first, (void)second;
#ifdef DEFECT
    KeAcquireSpinLockAtDpcLevel(&TicksLock);
    Ticks++;
    KeReleaseSpinLockFromDpcLevel(&TicksLock);
#else
    KIRQL irql = KeAcquireSpinLockForDpc(&TicksLock);
    Ticks++;
    KeReleaseSpinLockForDpc(&TicksLock, irql);
#endif
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    KeInitializeThreadedDpc(&Dpc, OnDpc, NULL);
    status = StartThread();
    if (!NT_SUCCESS(status))
        return status;
    status = Register();
    if (!NT_SUCCESS(status)) {
        StopThread();
        KeFlushQueuedDpcs();
    }
    return status;
}

void Turn(void) {
    KeInsertQueueDpc(&Dpc, NULL, NULL);
    CallNewest();
}

void AtUnload(void) { KeFlushQueuedDpcs(); }
