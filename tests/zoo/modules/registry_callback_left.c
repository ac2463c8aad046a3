// SPDX-License-Identifier: MIT OR Apache-2.0
// Unloads while its callback for the registry is registered.

#include "module.h"
#include "notifications.h"

static LONGLONG Cookie;
static volatile LONG Calls;

static NTSTATUS OnRegistry(PVOID context, PVOID notifyClass, PVOID information) {
    __atomic_fetch_add(&Calls, 1, __ATOMIC_SEQ_CST);
    return STATUS_SUCCESS;
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    static const UNICODE_STRING altitude = {12, 12, L"370000"};
    status = CmRegisterCallbackEx(OnRegistry, &altitude, driver, NULL, &Cookie, NULL);
    if (!NT_SUCCESS(status))
        return status;
    status = StartWork();
    if (!NT_SUCCESS(status))
        CmUnRegisterCallback(Cookie);
    return status;
}

void AtUnload(void) {
    RIGHT(CmUnRegisterCallback(Cookie);)
}
