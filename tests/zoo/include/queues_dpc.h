// SPDX-License-Identifier: MIT OR Apache-2.0
// A client with a DPC, which its thread queues and its unload flushes. A module defines OnDpc,
// and INITIALIZE_DPC if the DPC is not an ordinary one.

#pragma once
#include "module.h"

static KDPC Dpc;
static void OnDpc(KDPC *dpc, PVOID context, PVOID first, PVOID second);

#ifndef INITIALIZE_DPC
#define INITIALIZE_DPC KeInitializeDpc
#endif

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    INITIALIZE_DPC(&Dpc, OnDpc, NULL);
    status = StartThread();
    if (!NT_SUCCESS(status))
        return status;
    status = Register();
    if (!NT_SUCCESS(status)) {
        StopThread();
        KeFlushQueuedDpcs();
    }
    return status;
}

void AtUnload(void) { KeFlushQueuedDpcs(); }
