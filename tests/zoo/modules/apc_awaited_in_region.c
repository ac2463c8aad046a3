// SPDX-License-Identifier: MIT OR Apache-2.0
// Waits for a normal APC to its own thread in a critical region, where none is delivered.

#include "module.h"
#include "apc.h"

static KEVENT Ran;

static void OnKernel(PKAPC apc, KNORMAL_ROUTINE **normal, PVOID *context, PVOID *first, PVOID *second) {}

static void OnNormal(PVOID context, PVOID first, PVOID second) { KeSetEvent(&Ran, 0, FALSE); }

void Turn(void) {
    KAPC apc;
    CallNewest();
    KeInitializeEvent(&Ran, NotificationEvent, FALSE);
    KeInitializeApc(&apc, KeGetCurrentThread(), 0, OnKernel, NULL, OnNormal, KernelMode, NULL);
    KeEnterCriticalRegion();
    KeInsertQueueApc(&apc, NULL, NULL, 0);
    WRONG(KeWaitForSingleObject(&Ran, 0, 0, 0, NULL);)
    KeLeaveCriticalRegion();
    RIGHT(KeWaitForSingleObject(&Ran, 0, 0, 0, NULL);)
}
