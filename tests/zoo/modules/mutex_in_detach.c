// SPDX-License-Identifier: MIT OR Apache-2.0
// Takes a fast mutex in its detach callback.

#include "module.h"

static FAST_MUTEX Mutex = {1};

NTSTATUS Start(DRIVER_OBJECT *driver) {
    driver->DriverUnload = Unload;
    KeInitializeEvent(&Mutex.Event, 1, FALSE);
    return StartWork();
}

NTSTATUS Detach(PVOID binding) {
    BOOLEAN busy;
    WRONG(ExAcquireFastMutex(&Mutex);)
    busy = Withdraw(binding);
    WRONG(ExReleaseFastMutex(&Mutex);)
    return busy ? STATUS_PENDING : STATUS_SUCCESS;
}
