// SPDX-License-Identifier: MIT OR Apache-2.0
// Allocates memory before each handle that is opened, and does not free it after it.

#include "module.h"
#include "notifications.h"

IMPORT HANDLE PsGetProcessId(PVOID process);
IMPORT HANDLE PsGetThreadId(PVOID thread);

static PVOID HandleRoutines;

static int BeforeHandle(PVOID context, BEFORE_HANDLE *operation) {
    BOOLEAN isProcess = operation->ObjectType == *(PVOID *)PsProcessType;
    (void)(isProcess ? PsGetProcessId(operation->Object) : PsGetThreadId(operation->Object));
    operation->CallContext = Allocate(16);
    return 0; // OB_PREOP_SUCCESS
}

static void AfterHandle(PVOID context, AFTER_HANDLE *operation) {
    RIGHT(if (operation->CallContext) Free(operation->CallContext);)
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    HANDLE_OPERATION operations[] = {
        {PsProcessType, 1, BeforeHandle, AfterHandle},
        {(PVOID *)PsThreadType, 1, BeforeHandle, AfterHandle},
    };
    HANDLE_CALLBACKS callbacks = {
        .Version = 0x100,
        .OperationRegistrationCount = 2,
        .Altitude = {12, 14, L"321998"},
        .OperationRegistration = operations,
    };
    NTSTATUS status;
    driver->DriverUnload = Unload;
    status = ObRegisterCallbacks(&callbacks, &HandleRoutines);
    if (!NT_SUCCESS(status))
        return status;
    status = StartWork();
    if (!NT_SUCCESS(status))
        ObUnRegisterCallbacks(HandleRoutines);
    return status;
}

void AtUnload(void) {
    ObUnRegisterCallbacks(HandleRoutines);
}
