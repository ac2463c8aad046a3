// SPDX-License-Identifier: MIT OR Apache-2.0
// Queues a work item that is a local variable of a function which returns at once.

#include "executive.h"

typedef struct {
    LONGLONG Opaque[32];
} WORK_ITEM;

static PVOID Device;
static BOOLEAN IsQueued;
static KEVENT Done;
static WORK_ITEM Item;

static void OnWork(PVOID device, PVOID context) { KeSetEvent(&Done, 0, FALSE); }

static void Begin(void) {
    WRONG(WORK_ITEM item;)
    WORK_ITEM *volatile one = RIGHT(&Item) WRONG(&item);
    IoInitializeWorkItem(Device, one);
    IoQueueWorkItem(one, OnWork, DelayedWorkQueue, NULL);
}

void Turn(void) {
    if (!IsQueued) {
        IsQueued = TRUE;
        Begin();
    }
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    KeInitializeEvent(&Done, NotificationEvent, FALSE);
    status = IoCreateDevice(driver, 0, NULL, 0x22, 0, FALSE, &Device);
    if (!NT_SUCCESS(status))
        return status;
    status = StartWork();
    if (!NT_SUCCESS(status))
        AtUnload();
    return status;
}

void AtUnload(void) {
    if (IsQueued) {
        KeWaitForSingleObject(&Done, 0, 0, 0, NULL);
        IoUninitializeWorkItem(&Item);
    }
    IoDeleteDevice(Device);
}
