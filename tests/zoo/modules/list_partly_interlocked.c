// SPDX-License-Identifier: MIT OR Apache-2.0
// Inserts into a list by an interlocked function and takes from it without its lock.

#include "two_threads.h"

static LIST_ENTRY List;
static KSPIN_LOCK ListLock;

void Prepare(void) {
    InitializeListHead(&List);
    KeInitializeSpinLock(&ListLock);
}

void Turn(void) {
    LIST_ENTRY *item = Allocate(sizeof(*item));
    if (item)
        ExInterlockedInsertTailList(&List, item, &ListLock);
}

static LIST_ENTRY *Take(void) {
    WRONG(return IsListEmpty(&List) ? NULL : RemoveHeadList(&List);)
    RIGHT(return ExInterlockedRemoveHeadList(&List, &ListLock);)
}

void Undo(void) {
    LIST_ENTRY *item;
    while ((item = Take()))
        Free(item);
}

void Other(PVOID context) {
    (void)context;
    while (!Stop) {
        Undo();
        Sleep(90);
    }
}
