// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees a work item that is queued.

#include "module.h"

static PVOID Item;
static KEVENT Done;

static void OnWork(PVOID object, PVOID context) {
    Sleep(200);
    KeSetEvent(&Done, 0, FALSE);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    KeInitializeEvent(&Done, 0, FALSE);
    Item = IoAllocateWorkItem(driver);
    if (!Item)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = StartThread();
    if (NT_SUCCESS(status)) {
        status = Register();
        if (!NT_SUCCESS(status))
            StopThread();
    }
    if (!NT_SUCCESS(status))
        IoFreeWorkItem(Item);
    return status;
}

void AtUnload(void) {
    IoQueueWorkItem(Item, OnWork, 1, NULL);
    WRONG(IoFreeWorkItem(Item);)
    KeWaitForSingleObject(&Done, 0, 0, 0, NULL);
    RIGHT(IoFreeWorkItem(Item);)
}
