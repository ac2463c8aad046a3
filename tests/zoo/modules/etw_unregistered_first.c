// SPDX-License-Identifier: MIT OR Apache-2.0
// Unregisters its trace provider before its module, whose callbacks write events.

#include "module.h"

static LONGLONG Trace;
static const EVENT_DESCRIPTOR CleanedUp = {1, 0, 0, 4, 0, 0, 1};

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    EtwRegister(&EchoNpi, NULL, NULL, &Trace);
    status = StartThread();
    if (!NT_SUCCESS(status)) {
        EtwUnregister(Trace);
        return status;
    }
    status = Register();
    if (!NT_SUCCESS(status)) {
        StopThread();
        EtwUnregister(Trace);
    }
    return status;
}

void Cleanup(PVOID binding) {
    EtwWrite(Trace, &CleanedUp, NULL, 0, NULL);
    Free(binding);
}

void Unload(DRIVER_OBJECT *driver) {
    (void)driver;
    WRONG(EtwUnregister(Trace);)
    Deregister();
    StopThread();
    RIGHT(EtwUnregister(Trace);)
}
