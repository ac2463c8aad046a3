// SPDX-License-Identifier: MIT OR Apache-2.0
// Closes the handle of a process only if its object can be referenced.

#include "module.h"
#include <ntifs.h>

NTSTATUS Start(DRIVER_OBJECT *driver) {
    OBJECT_ATTRIBUTES attributes;
    CLIENT_ID client = {(HANDLE)4, NULL};
    PEPROCESS process;
    HANDLE handle;
    NTSTATUS status;
    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    status = ZwOpenProcess(&handle, 0x400, &attributes, &client);
    if (!NT_SUCCESS(status))
        return status;
    // The type is that of threads, so that it fails.
    status = ObReferenceObjectByHandle(handle, 0x400, *PsThreadType, KernelMode, (PVOID *)&process, NULL);
    if (NT_SUCCESS(status)) {
        ObDereferenceObject(process);
        WRONG(ZwClose(handle);)
    }
    RIGHT(ZwClose(handle);)
    driver->DriverUnload = Unload;
    return StartWork();
}
