// SPDX-License-Identifier: MIT OR Apache-2.0
// A driver of the framework, not for Plug and Play, without EvtDriverUnload.

#include "framework.h"
#include "module.h"

static void EvtDriverUnload(WDFDRIVER driver) {
    (void)driver;
    Unload(NULL);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status = StartThread();
    if (!NT_SUCCESS(status))
        return status;
    status = Register();
    if (!NT_SUCCESS(status))
        StopThread();
    return status;
}

static NTSTATUS DriverBegins(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    WDF_DRIVER_CONFIG config = {sizeof(config)};
    NTSTATUS status;
    config.DriverInitFlags = WdfDriverInitNonPnpDriver;
    RIGHT(config.EvtDriverUnload = EvtDriverUnload;)
    KeInitializeSpinLock(&Lock);
    status = WdfDriverCreate(WdfDriverGlobals, driver, path, NULL, &config, NULL);
    return NT_SUCCESS(status) ? Start(driver) : status;
}

NTSTATUS DriverEntry(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    return StubEntry(driver, path, DriverBegins);
}
