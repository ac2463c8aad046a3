// SPDX-License-Identifier: MIT OR Apache-2.0
// Drops its own reference to its state before it deregisters, and uses that afterwards.

#include "module.h"

typedef struct { LONG References, Bindings; } STATE;
static STATE *State;

static void Drop(void) {
    if (__sync_sub_and_fetch(&State->References, 1) == 0)
        Free(State);
}

NTSTATUS Start(DRIVER_OBJECT *driver) {
    NTSTATUS status;
    driver->DriverUnload = Unload;
    State = Allocate(sizeof(STATE));
    if (!State)
        return STATUS_INSUFFICIENT_RESOURCES;
    State->References = 1;
    status = StartThread();
    if (NT_SUCCESS(status)) {
        status = Register();
        if (!NT_SUCCESS(status))
            StopThread();
    }
    if (!NT_SUCCESS(status))
        Drop();
    return status;
}

BINDING *NewBinding(HANDLE handle) {
    BINDING *binding = Allocate(sizeof(BINDING));
    if (binding) {
        binding->Handle = handle;
        __sync_fetch_and_add(&State->References, 1);
        __sync_fetch_and_add(&State->Bindings, 1);
    }
    return binding;
}

void Cleanup(PVOID binding) {
    Free(binding);
    Drop();
}

void Deregister(void) {
    WRONG(Drop();)
    if (DEREGISTER(Registration) == STATUS_PENDING)
        WAIT(Registration);
    DbgPrint("%d bindings\n", State->Bindings);
    RIGHT(Drop();)
}
