// SPDX-License-Identifier: MIT OR Apache-2.0
// Queues its work item although it may still be queued.

#include "executive.h"

static PVOID Item, Device;
static volatile LONG Queued;
static KEVENT Idle;

static void OnWork(PVOID device, PVOID context) {
    KeSetEvent(&Idle, 0, FALSE);
    // From now on it may be queued again, which clears the event first.
    Queued = 0;
}

void Turn(void) {
    if (Exchange(&Queued, 1) RIGHT(== 1) WRONG(== 2))
        return;
    KeClearEvent(&Idle);
    IoQueueWorkItem(Item, OnWork, DelayedWorkQueue, NULL);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    KeInitializeEvent(&Idle, NotificationEvent, TRUE);
    status = IoCreateDevice(driver, 0, NULL, 0x22, 0, FALSE, (PVOID)&Device);
    if (!NT_SUCCESS(status))
        return status;
    Item = IoAllocateWorkItem(Device);
    status = Item ? StartWork() : STATUS_INSUFFICIENT_RESOURCES;
    if (!NT_SUCCESS(status))
        AtUnload();
    return status;
}

void AtUnload(void) {
    KeWaitForSingleObject(&Idle, 0, 0, 0, NULL);
    if (Item)
        IoFreeWorkItem(Item);
    IoDeleteDevice(Device);
}
