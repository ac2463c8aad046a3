// SPDX-License-Identifier: MIT OR Apache-2.0
// Reads the registry path after DriverEntry, whose it was.

#include "module.h"

static UNICODE_STRING *Path;
static USHORT Length;

NTSTATUS DriverEntry(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    KeInitializeSpinLock(&Lock);
    Path = path;
    Length = path->Length;
    return Start(driver);
}

void AtUnload(void) { DbgPrint("%d\n", WRONG(Path->Length) RIGHT(Length)); }
