// SPDX-License-Identifier: MIT OR Apache-2.0
// Removes its thread notification routine while it holds a lock for which that routine waits.

#include "module.h"
#include "notifications.h"

static FAST_MUTEX Mutex;
static ULONG Threads;

static void OnThread(HANDLE process, HANDLE thread, UCHAR create) {
    ExAcquireFastMutex(&Mutex);
    Threads += create;
    ExReleaseFastMutex(&Mutex);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    Mutex.Count = 1;
    Mutex.Owner = NULL;
    KeInitializeEvent(&Mutex.Event, SynchronizationEvent, FALSE);
    status = PsSetCreateThreadNotifyRoutine(OnThread);
    if (!NT_SUCCESS(status))
        return status;
    status = StartWork();
    if (!NT_SUCCESS(status))
        PsRemoveCreateThreadNotifyRoutine(OnThread);
    return status;
}

void AtUnload(void) {
    WRONG(KeEnterCriticalRegion();)
    WRONG(ExAcquireFastMutex(&Mutex);)
    PsRemoveCreateThreadNotifyRoutine(OnThread);
    WRONG(ExReleaseFastMutex(&Mutex);)
    WRONG(KeLeaveCriticalRegion();)
    Threads = 0;
}
