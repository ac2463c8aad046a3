// SPDX-License-Identifier: MIT OR Apache-2.0
// Takes the completion of a request for the end of its call, which may not have
// returned yet.

#include "module.h"

void Call(BINDING *binding) {
    const PROVIDER_DISPATCH *table = binding->Table;
    REQUEST *request = Allocate(sizeof(REQUEST));
    if (!request) {
        Leave(binding);
        return;
    }
    request->Header = (HEADER){sizeof(REQUEST), ECHO_VERSION, 0};
    request->Id = (ULONGLONG)request >> 12;
    request->Length = 8;
    RIGHT(Again(binding);)
    if (table->Submit(binding->Peer, request) != STATUS_PENDING) {
        Free(request);
        Leave(binding);
    }
    RIGHT(Leave(binding);)
}
