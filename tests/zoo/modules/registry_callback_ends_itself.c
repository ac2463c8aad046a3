// SPDX-License-Identifier: MIT OR Apache-2.0
// Unregisters its callback for the registry from that callback.

#include "module.h"
#include "notifications.h"

static LONGLONG Cookie;
static volatile LONG Ended;

static NTSTATUS OnRegistry(PVOID context, PVOID notifyClass, PVOID information) {
    WRONG(if (!__atomic_exchange_n(&Ended, 1, __ATOMIC_SEQ_CST)) CmUnRegisterCallback(Cookie);)
    return STATUS_SUCCESS;
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    static const UNICODE_STRING altitude = {12, 12, L"370001"};
    status = CmRegisterCallbackEx(OnRegistry, &altitude, driver, NULL, &Cookie, NULL);
    if (!NT_SUCCESS(status))
        return status;
    status = StartWork();
    if (!NT_SUCCESS(status))
        CmUnRegisterCallback(Cookie);
    return status;
}

void AtUnload(void) {
    if (!__atomic_exchange_n(&Ended, 1, __ATOMIC_SEQ_CST))
        CmUnRegisterCallback(Cookie);
}
