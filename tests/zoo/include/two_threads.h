// SPDX-License-Identifier: MIT OR Apache-2.0
// A client or provider with a thread of the module's own, `Other`, beside that of the base.

#pragma once
#include "executive.h"

void Other(PVOID);
// What the threads need, and what is left of it when they have ended.
void Prepare(void);
void Undo(void);

static PVOID OtherThread;

static NTSTATUS StartOther(void) {
    HANDLE handle;
    NTSTATUS status = PsCreateSystemThread(&handle, 0x1FFFFF, NULL, NULL, NULL, Other, NULL);
    if (!NT_SUCCESS(status))
        return status;
    ObReferenceObjectByHandle(handle, 0x1FFFFF, NULL, 0, &OtherThread, NULL);
    return ZwClose(handle);
}

static void StopOther(void) {
    Stop = TRUE;
    KeWaitForSingleObject(OtherThread, 0, 0, 0, NULL);
    ObfDereferenceObject(OtherThread);
}

#ifndef OWN_START
NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    Prepare();
    status = StartOther();
    if (!NT_SUCCESS(status))
        return status;
    status = StartWork();
    if (!NT_SUCCESS(status)) {
        StopOther();
        Undo();
    }
    return status;
}

void AtUnload(void) {
    StopOther();
    Undo();
}
#endif
