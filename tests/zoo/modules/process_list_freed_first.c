// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees the list of processes before it removes the routine that uses it.

#include "module.h"
#include "notifications.h"

static volatile LONG *Processes;

static void OnProcess(HANDLE parent, HANDLE process, UCHAR create) {
    __atomic_fetch_add(&Processes[create ? 0 : 1], 1, __ATOMIC_SEQ_CST);
}

static void FreeList(void) { ExFreePoolWithTag((PVOID)Processes, TAG); }

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    Processes = ExAllocatePool2(NON_PAGED, 2 * sizeof(*Processes), TAG);
    if (!Processes)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = PsSetCreateProcessNotifyRoutine(OnProcess, FALSE);
    if (!NT_SUCCESS(status))
        FreeList();
    if (!NT_SUCCESS(status))
        return status;
    status = StartWork();
    if (!NT_SUCCESS(status))
        {
        PsSetCreateProcessNotifyRoutine(OnProcess, TRUE);
        FreeList();
    }
    return status;
}

void AtUnload(void) {
    WRONG(FreeList();)
    PsSetCreateProcessNotifyRoutine(OnProcess, TRUE);
    RIGHT(FreeList();)
}
