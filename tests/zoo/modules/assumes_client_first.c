// SPDX-License-Identifier: MIT OR Apache-2.0
// Takes away in its detach what Submit needs, as if the client were always detached first.

#include "module.h"

typedef struct { BINDING Binding; LONG *Calls; } COUNTED;

BINDING *NewBinding(HANDLE handle) {
    COUNTED *counted = Allocate(sizeof(COUNTED));
    if (!counted)
        return NULL;
    counted->Calls = Allocate(sizeof(LONG));
    if (!counted->Calls) {
        Free(counted);
        return NULL;
    }
    counted->Binding.Handle = handle;
    return &counted->Binding;
}

// Answers at once, and counts.
NTSTATUS Submit(PVOID binding, REQUEST *request) {
    if (request->Header.Size < sizeof(REQUEST) || request->Length > MAX_PAYLOAD)
        return STATUS_INVALID_PARAMETER;
    __sync_fetch_and_add(((COUNTED *)binding)->Calls, 1);
    return STATUS_SUCCESS;
}

NTSTATUS Detach(PVOID binding) {
    WRONG(Free(((COUNTED *)binding)->Calls);)
    return Withdraw(binding) ? STATUS_PENDING : STATUS_SUCCESS;
}

void Cleanup(PVOID binding) {
    RIGHT(Free(((COUNTED *)binding)->Calls);)
    Free(binding);
}
