// SPDX-License-Identifier: MIT OR Apache-2.0
// Frees a request that the provider still has.

#include "module.h"

void Call(BINDING *binding) {
    const PROVIDER_DISPATCH *table = binding->Table;
    NTSTATUS status;
    REQUEST *request = Allocate(sizeof(REQUEST));
    if (!request) {
        Leave(binding);
        return;
    }
    request->Header = (HEADER){sizeof(REQUEST), ECHO_VERSION, 0};
    request->Id = (ULONGLONG)request >> 12;
    request->Length = 8;
    Again(binding);
    status = table->Submit(binding->Peer, request);
    WRONG(Free(request);)
    if (status != STATUS_PENDING) {
        RIGHT(Free(request);)
        Leave(binding);
    }
    Leave(binding);
}

void Complete(PVOID binding, REQUEST *request) {
    RIGHT(Free(request);)
    Leave(binding);
}
