// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees the record of its bug-check callback, which stays registered.

#include "module.h"
#include "notifications.h"

static BUG_CHECK_RECORD *Record;

static void OnBugCheck(PVOID buffer, ULONG length) {}

static void FreeRecord(void) {
    RIGHT(KeDeregisterBugCheckCallback(Record);)
    ExFreePoolWithTag(Record, TAG);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    Record = ExAllocatePool2(NON_PAGED, sizeof(*Record), TAG);
    if (!Record)
        return STATUS_INSUFFICIENT_RESOURCES;
    KeRegisterBugCheckCallback(Record, OnBugCheck, NULL, 0, "zoo");
    status = STATUS_SUCCESS;
    if (!NT_SUCCESS(status))
        return status;
    status = StartWork();
    if (!NT_SUCCESS(status))
        FreeRecord();
    return status;
}

void AtUnload(void) {
    FreeRecord();
}
