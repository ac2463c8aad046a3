// SPDX-License-Identifier: MIT OR Apache-2.0
// Waits until the transports have changed before it deregisters: only that ends a wait for no change.

#define OWN_LIFE
#include "sockets.h"

static KEVENT Changed;
static PIRP Notification;

static void AwaitChange(void) {
    Npi.Dispatch->WskControlClient(Npi.Client, WSK_TRANSPORT_LIST_CHANGE, 0, NULL, 0, NULL, NULL, Notification);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status = OpenNetwork();
    driver->DriverUnload = Unload;
    if (!NT_SUCCESS(status))
        return status;
    status = STATUS_INSUFFICIENT_RESOURCES;
    Notification = NewRequest(&Changed);
    if (Notification) {
        status = StartWork();
        if (NT_SUCCESS(status)) {
            AwaitChange();
            return status;
        }
        IoFreeIrp(Notification);
    }
    CloseNetwork();
    return status;
}

void AtUnload(void) {
    WRONG(KeWaitForSingleObject(&Changed, Executive, KernelMode, FALSE, NULL);)
    CloseNetwork();
    RIGHT(KeWaitForSingleObject(&Changed, Executive, KernelMode, FALSE, NULL);)
    IoFreeIrp(Notification);
}
