// SPDX-License-Identifier: MIT OR Apache-2.0
// Takes a fast mutex in its detach callback.

#include "module.h"

static FAST_MUTEX Mutex = {1};

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    KeInitializeEvent(&Mutex.Event, 1, FALSE);
    status = StartThread();
    if (!NT_SUCCESS(status))
        return status;
    status = Register();
    if (!NT_SUCCESS(status))
        StopThread();
    return status;
}

NTSTATUS Detach(PVOID binding) {
    BOOLEAN busy;
    WRONG(ExAcquireFastMutex(&Mutex);)
    busy = Withdraw(binding);
    WRONG(ExReleaseFastMutex(&Mutex);)
    return busy ? STATUS_PENDING : STATUS_SUCCESS;
}
