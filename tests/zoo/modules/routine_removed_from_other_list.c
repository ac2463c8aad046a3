// SPDX-License-Identifier: MIT OR Apache-2.0
// Removes the routine that is told of processes as if it were one that is told of threads.

#include "module.h"
#include "notifications.h"

static volatile LONG Processes;

static void OnProcess(HANDLE parent, HANDLE process, UCHAR create) {
    __atomic_fetch_add(&Processes, create ? 1 : -1, __ATOMIC_SEQ_CST);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = PsSetCreateProcessNotifyRoutine(OnProcess, FALSE);
    if (!NT_SUCCESS(status))
        return status;
    status = StartWork();
    if (!NT_SUCCESS(status))
        PsSetCreateProcessNotifyRoutine(OnProcess, TRUE);
    return status;
}

void AtUnload(void) {
    WRONG(PsRemoveCreateThreadNotifyRoutine(OnProcess);)
    RIGHT(PsSetCreateProcessNotifyRoutine(OnProcess, TRUE);)
}
