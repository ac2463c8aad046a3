// SPDX-License-Identifier: MIT OR Apache-2.0
// Returns from a work item with a mutex held.

#include "module.h"

static KMUTEX Mutex;
static KEVENT Done;
static PVOID Item;

static void OnWork(PVOID object, PVOID context) {
    KeWaitForSingleObject(&Mutex, 0, 0, 0, NULL);
    RIGHT(KeReleaseMutex(&Mutex, FALSE);)
    KeSetEvent(&Done, 0, FALSE);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    KeInitializeMutex(&Mutex, 0);
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
    KeWaitForSingleObject(&Done, 0, 0, 0, NULL);
    IoFreeWorkItem(Item);
}
