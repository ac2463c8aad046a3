// SPDX-License-Identifier: MIT OR Apache-2.0
// Adds items to a list and takes them off without a lock.

#include "two_threads.h"

static LIST_ENTRY List;

void Prepare(void) { InitializeListHead(&List); }

static void Put(void) {
    LIST_ENTRY *item = Allocate(sizeof(*item));
    if (!item)
        return;
    RIGHT(KIRQL irql = Acquire();)
    InsertHeadList(&List, item);
    RIGHT(Release(irql);)
}

static LIST_ENTRY *Take(void) {
    LIST_ENTRY *item = NULL;
    RIGHT(KIRQL irql = Acquire();)
    if (!IsListEmpty(&List))
        item = RemoveHeadList(&List);
    RIGHT(Release(irql);)
    return item;
}

void Undo(void) {
    LIST_ENTRY *item;
    while ((item = Take()))
        Free(item);
}

void Turn(void) { Put(); }

void Other(PVOID context) {
    (void)context;
    while (!Stop) {
        Undo();
        Sleep(120);
    }
}
