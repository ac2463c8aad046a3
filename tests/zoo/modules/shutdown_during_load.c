// SPDX-License-Identifier: MIT OR Apache-2.0
// Is told of a shutdown before its DriverEntry has set what the shutdown routine uses.

#define NOTIFY IoRegisterShutdownNotification
#include "device.h"

static ULONG Counter;
static ULONG *volatile Requests;

NTSTATUS Shutdown(IRP *irp) {
    *Requests = 1;
    return Finish(irp, STATUS_SUCCESS, 0);
}

NTSTATUS DriverEntry(DRIVER_OBJECT *driver, UNICODE_STRING *path) {
    NTSTATUS status;
    (void)path;
    KeInitializeSpinLock(&Lock);
    RIGHT(Requests = &Counter;)
    status = Start(driver);
    WRONG(Requests = &Counter;)
    return status;
}
