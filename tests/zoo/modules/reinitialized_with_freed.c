// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees in DriverEntry the settings that its routine for later initialization reads.

#include "module.h"
#include "notifications.h"

static volatile ULONG Settings;

static void Later(DRIVER_OBJECT *driver, PVOID context, ULONG count) {
    Settings = *(ULONG *)context + count;
    RIGHT(ExFreePoolWithTag(context, TAG);)
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    ULONG *settings = ExAllocatePool2(NON_PAGED, sizeof(*settings), TAG);
    NTSTATUS status;
    if (!settings)
        return STATUS_INSUFFICIENT_RESOURCES;
    driver->DriverUnload = Unload;
    status = StartWork();
    RIGHT(if (NT_SUCCESS(status)))
        IoRegisterDriverReinitialization(driver, Later, settings);
    RIGHT(else)
        ExFreePoolWithTag(settings, TAG);
    return status;
}
