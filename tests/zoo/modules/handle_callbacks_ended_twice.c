// SPDX-License-Identifier: MIT OR Apache-2.0
// Unregisters its callbacks for handles twice.

#include "module.h"
#include "notifications.h"

static PVOID Handle;

static int BeforeOpen(PVOID context, BEFORE_HANDLE *open) {
    *open->Parameters &= ~1u;
    return 0;
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    HANDLE_OPERATION operation = {PsProcessType, 1, BeforeOpen, NULL};
    HANDLE_CALLBACKS callbacks = {0x100, 1, {12, 12, L"320000"}, NULL, &operation};
    status = ObRegisterCallbacks(&callbacks, &Handle);
    if (!NT_SUCCESS(status))
        return status;
    status = StartWork();
    if (!NT_SUCCESS(status))
        ObUnRegisterCallbacks(Handle);
    return status;
}

void AtUnload(void) {
    ObUnRegisterCallbacks(Handle);
    WRONG(ObUnRegisterCallbacks(Handle);)
}
