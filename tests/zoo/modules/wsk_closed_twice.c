// SPDX-License-Identifier: MIT OR Apache-2.0
// Closes its socket when its work ends, and again when it is unloaded.

#define OWN_LIFE
#include "sockets.h"

static TABLE Table;
static volatile BOOLEAN IsClosed;

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status = OpenNetwork();
    driver->DriverUnload = Unload;
    if (!NT_SUCCESS(status))
        return status;
    status = OpenSocket(NULL);
    if (!NT_SUCCESS(status)) {
        CloseNetwork();
        return status;
    }
    Table = TableOf(Socket);
    status = StartWork();
    if (!NT_SUCCESS(status))
        AtUnload();
    return status;
}

static void Close(void) {
    IoReuseIrp(CloseRequest, STATUS_SUCCESS);
    KeInitializeEvent(&Closed, NotificationEvent, FALSE);
    IoSetCompletionRoutine(CloseRequest, OnDone, &Closed, TRUE, TRUE, TRUE);
    Table->WskCloseSocket(Socket, CloseRequest);
    KeWaitForSingleObject(&Closed, Executive, KernelMode, FALSE, NULL);
}

void Work(PVOID context) {
    Sleep(100);
    Close();
    RIGHT(IsClosed = TRUE;)
}

void AtUnload(void) {
    if (!IsClosed)
        Close();
    IoFreeIrp(CloseRequest);
    CloseNetwork();
}
