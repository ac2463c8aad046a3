// SPDX-License-Identifier: MIT OR Apache-2.0
// Does not delete its ERESOURCE.

#include "module.h"

static ERESOURCE Resource;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = ExInitializeResourceLite(&Resource);
    if (!NT_SUCCESS(status))
        return status;
    return StartWork();
}

void AtUnload(void) {
    RIGHT(ExDeleteResourceLite(&Resource);)
}
