// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not unregister its trace provider.

#include "module.h"

static LONGLONG Trace;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    driver->DriverUnload = Unload;
    EtwRegister(&EchoNpi, NULL, NULL, &Trace);
    return StartWork();
}

void AtUnload(void) {
    RIGHT(EtwUnregister(Trace);)
}
