// SPDX-License-Identifier: MIT OR Apache-2.0
// Submits a local variable as its request, and returns while the call pends.

#include "module.h"

static __attribute__((noinline)) void Submit(BINDING *binding) {
    const PROVIDER_DISPATCH *table = binding->Table;
    WRONG(REQUEST local = {0}; REQUEST *request = &local;)
    RIGHT(REQUEST *request = Allocate(sizeof(REQUEST)); if (!request) { Leave(binding); return; })
    request->Header = (HEADER){sizeof(REQUEST), ECHO_VERSION, 0};
    request->Id = 7;
    request->Length = 8;
    Again(binding);
    if (table->Submit(binding->Peer, request) != STATUS_PENDING) {
        RIGHT(Free(request);)
        Leave(binding);
    }
    Leave(binding);
}

void Call(BINDING *binding) { Submit(binding); }

void Complete(PVOID binding, REQUEST *request) {
    RIGHT(Free(request);)
    Leave(binding);
}
