// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not unregister its trace provider.

#include "module.h"

static LONGLONG Trace;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    EtwRegister(&EchoNpi, NULL, NULL, &Trace);
    status = StartThread();
    if (!NT_SUCCESS(status))
        return status;
    status = Register();
    if (!NT_SUCCESS(status))
        StopThread();
    return status;
}

void AtUnload(void) {
    RIGHT(EtwUnregister(Trace);)
}
