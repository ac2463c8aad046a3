// SPDX-License-Identifier: MIT OR Apache-2.0
// Keeps the reference that a look-up of a process has given it.

#include "module.h"
#include <ntifs.h>

NTSTATUS Start(DRIVER_OBJECT *driver) {
    PEPROCESS process;
    NTSTATUS status = PsLookupProcessByProcessId((HANDLE)4, &process);
    if (!NT_SUCCESS(status))
        return status;
    RIGHT(ObDereferenceObject(process);)
    driver->DriverUnload = Unload;
    return StartWork();
}
