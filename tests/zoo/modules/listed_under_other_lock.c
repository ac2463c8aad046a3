// SPDX-License-Identifier: MIT OR Apache-2.0
// Adds items to one list in two threads, each of which uses its own lock.

#include "module.h"

typedef struct ITEM {
    struct ITEM *Next;
} ITEM;

static ITEM *First;
WRONG(static KSPIN_LOCK Other;)

static void Add(KSPIN_LOCK *lock) {
    ITEM *item = Allocate(sizeof(ITEM));
    KIRQL irql;
    if (!item)
        return;
    irql = KeAcquireSpinLockRaiseToDpc(lock);
    item->Next = First;
    First = item;
    KeReleaseSpinLock(lock, irql);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    driver->DriverUnload = Unload;
    WRONG(KeInitializeSpinLock(&Other);)
    return StartWork();
}

void Turn(void) {
    CallNewest();
    Add(&Lock);
}

void Complete(PVOID binding, REQUEST *request) {
    Add(WRONG(&Other) RIGHT(&Lock));
    Free(request);
    Leave(binding);
}

void AtUnload(void) {
    while (First) {
        ITEM *item = First;
        First = item->Next;
        Free(item);
    }
}
