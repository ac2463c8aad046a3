// SPDX-License-Identifier: MIT OR Apache-2.0
// Deletes its symbolic link when it could not create it: then another driver has the name.

#include "module.h"

#define NAME(text) {sizeof(text) - 2, sizeof(text), (WCHAR *)text}
static UNICODE_STRING LinkName = NAME(L"\\DosDevices\\Zoo");
static UNICODE_STRING TargetName = NAME(L"\\Device\\Null");

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status = IoCreateSymbolicLink(&LinkName, &TargetName);
    driver->DriverUnload = Unload;
    if (!NT_SUCCESS(status)) {
        WRONG(IoDeleteSymbolicLink(&LinkName);)
        return status;
    }
    status = StartWork();
    if (!NT_SUCCESS(status))
        IoDeleteSymbolicLink(&LinkName);
    return status;
}

void AtUnload(void) { IoDeleteSymbolicLink(&LinkName); }
