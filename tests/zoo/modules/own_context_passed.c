// SPDX-License-Identifier: MIT OR Apache-2.0
// Calls the provider with its own binding context instead of the provider's.

#include "module.h"

void Call(BINDING *binding) {
    const PROVIDER_DISPATCH *table = binding->Table;
    REQUEST *request = Allocate(sizeof(REQUEST));
    if (!request) {
        Leave(binding);
        return;
    }
    request->Header = (HEADER){sizeof(REQUEST), ECHO_VERSION, 0};
    request->Id = 7;
    request->Length = 8;
    Again(binding);
    if (table->Submit(WRONG((PVOID)binding) RIGHT(binding->Peer), request) != STATUS_PENDING) {
        Free(request);
        Leave(binding);
    }
    Leave(binding);
}
