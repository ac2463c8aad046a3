// SPDX-License-Identifier: MIT OR Apache-2.0
// Waits for its deregistration holding a mutex that its thread needs to finish a call.

#include "module.h"

static FAST_MUTEX Mutex = {1};

NTSTATUS Start(DRIVER_OBJECT *driver) {
    driver->DriverUnload = Unload;
    KeInitializeEvent(&Mutex.Event, 1, FALSE);
    return StartWork();
}

void Turn(void) {
    KIRQL irql = Acquire();
    BINDING *binding = Bindings;
    if (binding)
        binding->InFlight++;
    Release(irql);
    if (!binding)
        return;
    ExAcquireFastMutex(&Mutex);
    Call(binding);
    ExReleaseFastMutex(&Mutex);
}

void Deregister(void) {
    WRONG(ExAcquireFastMutex(&Mutex);)
    if (DEREGISTER(Registration) == STATUS_PENDING)
        WAIT(Registration);
    WRONG(ExReleaseFastMutex(&Mutex);)
}
