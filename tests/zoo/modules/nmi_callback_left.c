// SPDX-License-Identifier: MIT OR Apache-2.0
// Unloads while its routine for non-maskable interrupts is registered.

#include "module.h"

IMPORT PVOID KeRegisterNmiCallback(BOOLEAN (*)(PVOID context, BOOLEAN handled), PVOID context);
IMPORT NTSTATUS KeDeregisterNmiCallback(PVOID);

static PVOID Nmi;

static BOOLEAN OnNmi(PVOID context, BOOLEAN handled) {
    (void)context;
    return handled;
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    Nmi = KeRegisterNmiCallback(OnNmi, NULL);
    if (!Nmi)
        return STATUS_INSUFFICIENT_RESOURCES;
    status = StartWork();
    if (!NT_SUCCESS(status))
        KeDeregisterNmiCallback(Nmi);
    return status;
}

void AtUnload(void) {
    RIGHT(KeDeregisterNmiCallback(Nmi);)
}
