// SPDX-License-Identifier: MIT OR Apache-2.0
// Acquires one spin lock as an in-stack queued one, and elsewhere as a plain one.

#include "executive.h"

static KSPIN_LOCK Mixed;

static void Plain(void) {
    KIRQL irql;
    KeAcquireSpinLock(&Mixed, &irql);
    KeReleaseSpinLock(&Mixed, irql);
}

static void Queued(void) {
    KLOCK_QUEUE_HANDLE handle;
    KeAcquireInStackQueuedSpinLock(&Mixed, &handle);
    KeReleaseInStackQueuedSpinLock(&handle);
}

void Turn(void) {
    Queued();
    RIGHT(Queued();)
    WRONG(Plain();)
}
