// SPDX-License-Identifier: MIT OR Apache-2.0
// Queues a work item that is a local variable of a function which returns at once.

#include "executive.h"

static volatile LONG Left;
static KEVENT Done;
static WORK_QUEUE_ITEM Item;

static void OnWork(PVOID context) { KeSetEvent(&Done, 0, FALSE); }

static void Begin(void) {
    WRONG(WORK_QUEUE_ITEM item;)
    PWORK_QUEUE_ITEM volatile one = RIGHT(&Item) WRONG(&item);
    ExInitializeWorkItem(one, OnWork, NULL);
    ExQueueWorkItem(one, DelayedWorkQueue);
}

void Turn(void) {
    if (!Left) {
        Left = 1;
        KeInitializeEvent(&Done, NotificationEvent, FALSE);
        Begin();
    }
}

void AtUnload(void) {
    if (Left)
        KeWaitForSingleObject(&Done, 0, 0, 0, NULL);
}
