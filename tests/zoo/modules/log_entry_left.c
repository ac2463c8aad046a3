// SPDX-License-Identifier: MIT OR Apache-2.0
// Makes an entry for the error log, and neither writes nor frees it.

#include "module.h"
#include <ntddk.h>

static DRIVER_OBJECT *Driver;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    Driver = driver;
    driver->DriverUnload = Unload;
    return StartWork();
}

void AtUnload(void) {
    UCHAR *entry = IoAllocateErrorLogEntry(Driver, 64);
    if (!entry)
        return;
    entry[0] = 1;
    RIGHT(IoWriteErrorLogEntry(entry);)
}
