// SPDX-License-Identifier: MIT OR Apache-2.0
// Calls NmrClientAttachProvider later, from its thread.

#include "module.h"

static HANDLE Offered;

NTSTATUS Attach(HANDLE handle, PVOID context, const NPI_REGISTRATION_INSTANCE *peer) {
    Offered = handle;
    return STATUS_NOINTERFACE;
}

void Turn(void) {
    HANDLE handle = Offered;
    PVOID peer;
    const void *table;
    Offered = NULL;
    WRONG(if (handle) NmrClientAttachProvider(handle, &Offered, &ClientDispatch, &peer, &table);)
}
