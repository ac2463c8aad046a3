// SPDX-License-Identifier: MIT OR Apache-2.0
// Allocates less for a request than its header says.

#include "module.h"

void Call(BINDING *binding) {
    const PROVIDER_DISPATCH *table = binding->Table;
    REQUEST *request = Allocate(WRONG(64) RIGHT(sizeof(REQUEST)));
    if (!request) {
        Leave(binding);
        return;
    }
    request->Header = (HEADER){sizeof(REQUEST), ECHO_VERSION, 0};
    request->Id = 7;
    request->Length = 8;
    Again(binding);
    if (table->Submit(binding->Peer, request) != STATUS_PENDING) {
        Free(request);
        Leave(binding);
    }
    Leave(binding);
}
