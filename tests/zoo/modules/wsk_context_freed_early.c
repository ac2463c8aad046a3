// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees what its callback works on when WskCloseSocket has returned, and not when the socket is
// closed.

#define OWN_LIFE
#define OWN_ON_DATAGRAM
#include "sockets.h"

typedef struct {
    KSPIN_LOCK Lock;
    LONG Arrived;
} CONTEXT;
static CONTEXT *Context;

static NTSTATUS OnDatagram(PVOID context, ULONG flags, PWSK_DATAGRAM_INDICATION data) {
    CONTEXT *mine = context;
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(&mine->Lock);
    mine->Arrived++;
    KeReleaseSpinLock(&mine->Lock, irql);
    return STATUS_SUCCESS;
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    Context = Allocate(sizeof(CONTEXT));
    if (!Context)
        return STATUS_INSUFFICIENT_RESOURCES;
    KeInitializeSpinLock(&Context->Lock);
    status = OpenNetwork();
    if (NT_SUCCESS(status)) {
        status = OpenSocket(Context);
        if (NT_SUCCESS(status)) {
            status = StartWork();
            if (NT_SUCCESS(status))
                return status;
            CloseSocket();
            IoFreeIrp(CloseRequest);
        }
        CloseNetwork();
    }
    Free(Context);
    return status;
}

void Turn(void) { SendSome(); }

static void Close(void) {
    IoReuseIrp(CloseRequest, STATUS_SUCCESS);
    IoSetCompletionRoutine(CloseRequest, OnDone, &Closed, TRUE, TRUE, TRUE);
    TableOf(Socket)->WskCloseSocket(Socket, CloseRequest);
    WRONG(Free(Context);)
    KeWaitForSingleObject(&Closed, Executive, KernelMode, FALSE, NULL);
    RIGHT(Free(Context);)
}

void AtUnload(void) {
    Close();
    IoFreeIrp(CloseRequest);
    CloseNetwork();
}
